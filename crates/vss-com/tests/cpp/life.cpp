// The life of a set, in the orders in which requesters call. The first argument names one of them.
#include "requester.h"

using check::hr;
using check::is;
using check::number;
using Volumes = std::vector<std::wstring>;

// A call begun, waited for and asked after, as requesters do it.
static void finished(const std::string &name, HRESULT begun, Ptr<IVssAsync> &async, DWORD wait) {
    hr(name, begun, S_OK);
    if (!is(name + "/async", async.get() != nullptr)) return;
    hr(name + "/Wait", async->Wait(wait), S_OK);
    HRESULT code = E_FAIL;
    hr(name + "/QueryStatus", async->QueryStatus(&code, nullptr), S_OK);
    hr(name + "/outcome", code, VSS_S_ASYNC_FINISHED);
    async.release();
}

static bool ends_with(const std::wstring &text, const wchar_t *end) {
    size_t length = wcslen(end);
    return text.size() >= length && text.compare(text.size() - length, length, end) == 0;
}

static bool starts_with(const std::wstring &text, const wchar_t *start) {
    return text.compare(0, wcslen(start), start) == 0;
}

static void properties(IVssBackupComponents *object, const VSS_ID &set, const Copy &copy, LONG count,
                       LONG context) {
    VSS_SNAPSHOT_PROP p;
    memset(&p, 0xAA, sizeof p);
    hr("GetSnapshotProperties", object->GetSnapshotProperties(copy.id, &p), S_OK);
    check::id("properties/m_SnapshotId", p.m_SnapshotId, copy.id);
    check::id("properties/m_SnapshotSetId", p.m_SnapshotSetId, set);
    number("properties/m_lSnapshotsCount", p.m_lSnapshotsCount, count);
    std::wstring device = p.m_pwszSnapshotDeviceObject;
    is("properties/device object",
       starts_with(device, L"\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy") &&
           !ends_with(device, L"\\"));
    std::wstring original = p.m_pwszOriginalVolumeName;
    is("properties/original volume",
       starts_with(original, L"\\\\?\\Volume{") && ends_with(original, L"}\\"));
    is("properties/originating machine", p.m_pwszOriginatingMachine && *p.m_pwszOriginatingMachine);
    is("properties/service machine", p.m_pwszServiceMachine && *p.m_pwszServiceMachine);
    is("properties/not exposed", !p.m_pwszExposedName && !p.m_pwszExposedPath);
    is("properties/provider", !IsEqualGUID(p.m_ProviderId, GUID_NULL));
    number("properties/context", p.m_lSnapshotAttributes & 0x1D, context);
    is("properties/hardware", p.m_lSnapshotAttributes & VSS_VOLSNAP_ATTR_HARDWARE_ASSISTED);
    // Within a day of the time of this machine, both in 100 ns since 1601.
    FILETIME now;
    GetSystemTimeAsFileTime(&now);
    LONGLONG difference =
        ((LONGLONG)now.dwHighDateTime << 32 | now.dwLowDateTime) - p.m_tsCreationTimestamp;
    is("properties/time", difference > -864000000000LL && difference < 864000000000LL);
    number("properties/m_eStatus", p.m_eStatus, VSS_SS_CREATED);
    fact("device", narrow(p.m_pwszSnapshotDeviceObject));
    free_properties(&p);
}

// With writers, from the first call to the last.
static void whole(const Volumes &volumes, bool set_context) {
    Ptr<IVssBackupComponents> object;
    hr("CreateVssBackupComponents", create_components(object.put()), S_OK);
    hr("InitializeForBackup", object->InitializeForBackup(nullptr), S_OK);
    if (set_context) hr("SetContext", object->SetContext(VSS_CTX_BACKUP), S_OK);
    hr("SetBackupState", object->SetBackupState(true, false, VSS_BT_FULL, false), S_OK);
    Ptr<IVssAsync> async;
    HRESULT begun = object->GatherWriterMetadata(async.put());
    finished("GatherWriterMetadata", begun, async, INFINITE);
    UINT writers = 77;
    hr("GetWriterMetadataCount", object->GetWriterMetadataCount(&writers), S_OK);
    number("writers", writers, 0);
    VSS_ID instance = random_id();
    Ptr<IVssExamineWriterMetadata> metadata;
    hr("GetWriterMetadata past the end", object->GetWriterMetadata(0, &instance, metadata.put()),
       VSS_E_OBJECT_NOT_FOUND);
    hr("FreeWriterMetadata", object->FreeWriterMetadata(), S_OK);

    VSS_ID set = GUID_NULL;
    hr("StartSnapshotSet", object->StartSnapshotSet(&set), S_OK);
    is("a set id", !IsEqualGUID(set, GUID_NULL));
    fact("set", text_of(set));
    auto other = backup(VSS_CTX_FILE_SHARE_BACKUP);
    VSS_ID second = random_id();
    hr("a second creation", other->StartSnapshotSet(&second), VSS_E_SNAPSHOT_SET_IN_PROGRESS);
    std::vector<Copy> copies;
    for (auto volume : volumes) {
        BOOL supported = 77;
        hr("IsVolumeSupported", object->IsVolumeSupported(GUID_NULL, volume.data(), &supported), S_OK);
        number("supported", supported, TRUE);
        VSS_ID id = GUID_NULL;
        hr("AddToSnapshotSet", object->AddToSnapshotSet(volume.data(), GUID_NULL, &id), S_OK);
        is("a copy id", !IsEqualGUID(id, GUID_NULL) && !IsEqualGUID(id, set));
        copies.push_back({id, volume});
        fact("copy", text_of(id));
    }
    wchar_t unknown[] = L"Q:\\";
    VSS_ID none = random_id();
    hr("AddToSnapshotSet of nothing", object->AddToSnapshotSet(unknown, GUID_NULL, &none),
       VSS_E_OBJECT_NOT_FOUND);
    check::id("no copy id", none, GUID_NULL);

    begun = object->PrepareForBackup(async.put());
    finished("PrepareForBackup", begun, async, INFINITE);
    begun = object->GatherWriterStatus(async.put());
    finished("GatherWriterStatus", begun, async, 120000);
    writers = 77;
    hr("GetWriterStatusCount", object->GetWriterStatusCount(&writers), S_OK);
    number("states of writers", writers, 0);
    VSS_ID writer;
    Text name;
    VSS_WRITER_STATE state;
    HRESULT failure;
    hr("GetWriterStatus past the end",
       object->GetWriterStatus(0, &instance, &writer, name.put(), &state, &failure),
       VSS_E_OBJECT_NOT_FOUND);
    hr("FreeWriterStatus", object->FreeWriterStatus(), S_OK);

    begun = object->DoSnapshotSet(async.put());
    finished("DoSnapshotSet", begun, async, 120000);
    for (auto &copy : copies) properties(object.get(), set, copy, (LONG)copies.size(), VSS_CTX_BACKUP);
    number("Query", listed(object.get(), set).size(), copies.size());
    Text document;
    hr("SaveAsXML", object->SaveAsXML(document.put()), S_OK);
    is("a document", document.string().find(L'<') == 0);
    check::at("created");
    hr("SetBackupSucceeded of nothing",
       object->SetBackupSucceeded(random_id(), random_id(), VSS_CT_FILEGROUP, nullptr, L"none", true),
       VSS_E_OBJECT_NOT_FOUND);
    begun = object->BackupComplete(async.put());
    finished("BackupComplete", begun, async, INFINITE);
    begun = object->GatherWriterStatus(async.put());
    finished("GatherWriterStatus at the end", begun, async, INFINITE);
    VSS_ID session = GUID_NULL;
    hr("GetSessionId", query<IVssBackupComponentsEx3>(object.get())->GetSessionId(&session), S_OK);
    is("a session id", !IsEqualGUID(session, GUID_NULL));
    object.release();
    check::at("released");
}

// Administration: find, break and wait for what another object made.
static void administration(const Volumes &volumes) {
    auto maker = backup(VSS_CTX_NAS_ROLLBACK);
    VSS_ID set = create_set(maker.get(), volumes);
    maker.release();
    Ptr<IVssBackupComponents> object;
    hr("CreateVssBackupComponents", create_components(object.put()), S_OK);
    hr("InitializeForBackup", object->InitializeForBackup(nullptr), S_OK);
    hr("SetContext", object->SetContext(VSS_CTX_ALL), S_OK);
    hr("SetBackupState", object->SetBackupState(true, true, VSS_BT_FULL, false), S_OK);
    number("listed", listed(object.get(), set).size(), volumes.size());
    Ptr<IVssBackupComponentsEx2> extended;
    hr("QueryInterface",
       object->QueryInterface(__uuidof(IVssBackupComponentsEx2), (void **)extended.put()), S_OK);
    Ptr<IVssAsync> async;
    HRESULT begun =
        extended->BreakSnapshotSetEx(set, VSS_BREAKEX_FLAG_MAKE_READ_WRITE, async.put());
    finished("BreakSnapshotSetEx", begun, async, 120000);
    number("not listed", listed(object.get(), set).size(), 0);
}

// Contexts without writers need no writer calls, and refuse them.
static void no_writers(const Volumes &volumes, LONG context, const char *name) {
    std::string prefix = name;
    auto object = backup(context);
    Ptr<IVssAsync> async;
    std::vector<Copy> copies;
    VSS_ID set = create_set(object.get(), volumes, &copies);
    for (auto &copy : copies) properties(object.get(), set, copy, (LONG)copies.size(), context);
    hr(prefix + "/PrepareForBackup", object->PrepareForBackup(async.put()), VSS_E_BAD_STATE);
    is(prefix + "/no async", !async);
    hr(prefix + "/BackupComplete", object->BackupComplete(async.put()), VSS_E_BAD_STATE);
    object.release();
    auto reader = backup(VSS_CTX_ALL);
    bool lasts = context & VSS_VOLSNAP_ATTR_NO_AUTO_RELEASE;
    number(prefix + "/after the release", listed(reader.get(), set).size(),
           lasts ? copies.size() : 0);
}

// One copy and then the rest of a set.
static void deletion(const Volumes &volumes) {
    auto object = backup(VSS_CTX_NAS_ROLLBACK);
    std::vector<Copy> copies;
    VSS_ID set = create_set(object.get(), volumes, &copies);
    properties(object.get(), set, copies[0], (LONG)copies.size(), VSS_CTX_NAS_ROLLBACK);
    LONG deleted = 77;
    VSS_ID nondeleted = random_id();
    hr("DeleteSnapshots of a copy",
       object->DeleteSnapshots(copies[0].id, VSS_OBJECT_SNAPSHOT, TRUE, &deleted, &nondeleted), S_OK);
    number("copies deleted", deleted, 1);
    check::id("nothing left over", nondeleted, GUID_NULL);
    number("the others are left", listed(object.get(), set).size(), copies.size() - 1);
    hr("DeleteSnapshots of a set",
       object->DeleteSnapshots(set, VSS_OBJECT_SNAPSHOT_SET, FALSE, &deleted, &nondeleted), S_OK);
    number("the rest deleted", deleted, copies.size() - 1);
    number("nothing is left", listed(object.get(), set).size(), 0);
    VSS_SNAPSHOT_PROP p;
    hr("properties of a deleted copy", object->GetSnapshotProperties(copies[0].id, &p),
       VSS_E_OBJECT_NOT_FOUND);
    hr("DeleteSnapshots again",
       object->DeleteSnapshots(set, VSS_OBJECT_SNAPSHOT_SET, FALSE, &deleted, &nondeleted),
       VSS_E_OBJECT_NOT_FOUND);
    number("none deleted", deleted, 0);
    hr("DeleteSnapshots of a provider",
       object->DeleteSnapshots(set, VSS_OBJECT_PROVIDER, FALSE, &deleted, &nondeleted), E_INVALIDARG);
}

// A creation that went wrong is given up, and the next requester can begin.
static void abort_backup(const Volumes &volumes) {
    auto object = backup(VSS_CTX_FILE_SHARE_BACKUP);
    hr("nothing under way", object->AbortBackup(), S_OK);
    VSS_ID set = GUID_NULL, copy = GUID_NULL;
    hr("StartSnapshotSet", object->StartSnapshotSet(&set), S_OK);
    std::wstring volume = volumes[0];
    hr("AddToSnapshotSet", object->AddToSnapshotSet(volume.data(), GUID_NULL, &copy), S_OK);
    hr("AddToSnapshotSet twice", object->AddToSnapshotSet(volume.data(), GUID_NULL, &copy),
       VSS_E_OBJECT_ALREADY_EXISTS);
    hr("AbortBackup", object->AbortBackup(), S_OK);
    Ptr<IVssAsync> async;
    hr("DoSnapshotSet", object->DoSnapshotSet(async.put()), VSS_E_BAD_STATE);
    is("no async", !async);
    auto next = backup(VSS_CTX_FILE_SHARE_BACKUP);
    std::vector<Copy> copies;
    set = create_set(next.get(), volumes, &copies);
    number("the next one creates", listed(next.get(), set).size(), volumes.size());
}

// The process ends with a set of its own and an open creation, and nothing is released.
static void leave(const Volumes &volumes) {
    auto object = backup(VSS_CTX_FILE_SHARE_BACKUP);
    VSS_ID set = create_set(object.get(), volumes);
    fact("set", text_of(set));
    auto open = backup(VSS_CTX_FILE_SHARE_BACKUP);
    check::must("StartSnapshotSet", open->StartSnapshotSet(&set));
    is("set and creation", true);
    check::at("leaving");
    int code = check::done();
    // As a process ends that forgets everything; no destructor runs.
    ExitProcess((UINT)code);
}

int main(int argc, char **argv) {
    Apartment apartment;
    std::string order = argc > 1 ? argv[1] : "";
    Volumes volumes = volumes_of(argc, argv, 2);
    if (order == "whole") whole(volumes, true);
    if (order == "no-context") whole(volumes, false);
    if (order == "administration") administration(volumes);
    if (order == "no-writers") {
        no_writers(volumes, VSS_CTX_FILE_SHARE_BACKUP, "file share");
        no_writers(volumes, VSS_CTX_NAS_ROLLBACK, "rollback");
    }
    if (order == "deletion") deletion(volumes);
    if (order == "abort") abort_backup(volumes);
    if (order == "leave") leave(volumes);
    return check::done();
}

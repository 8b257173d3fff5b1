// Breaks, each return value by its number and by the place that it comes from: the call itself, or
// IVssAsync::QueryStatus. The first argument names what is shown.
#include "requester.h"

using check::hr;
using check::is;
using check::number;
using Volumes = std::vector<std::wstring>;
using Object = Ptr<IVssBackupComponents>;

static const DWORD LEGAL[] = {0x0, 0x1, 0x2, 0x4, 0x6, 0x8, 0xA};

static bool is_legal(DWORD flags) {
    for (DWORD one : LEGAL)
        if (one == flags) return true;
    return false;
}

static std::string hex(DWORD value) {
    char text[16];
    snprintf(text, sizeof text, "0x%lx", value);
    return text;
}

static IVssAsync *const RUBBISH = reinterpret_cast<IVssAsync *>(static_cast<INT_PTR>(0x1234));

// What the call returns; an error leaves no operation behind.
static HRESULT refused(IVssBackupComponents *object, const VSS_ID &set, DWORD flags) {
    auto extended = query<IVssBackupComponentsEx2>(object);
    IVssAsync *async = RUBBISH;
    HRESULT code = extended->BreakSnapshotSetEx(set, flags, &async);
    if (SUCCEEDED(code)) {
        if (async && async != RUBBISH) async->Release();
        return code;
    }
    return async ? E_POINTER : code;
}

// What the operation comes to, if the call begins one.
static HRESULT broken(const std::string &name, IVssBackupComponents *object, const VSS_ID &set,
                      DWORD flags) {
    auto extended = query<IVssBackupComponentsEx2>(object);
    Ptr<IVssAsync> async;
    hr(name + "/call", extended->BreakSnapshotSetEx(set, flags, async.put()), S_OK);
    if (!is(name + "/async", async.get() != nullptr)) return E_POINTER;
    hr(name + "/Wait", async->Wait(INFINITE), S_OK);
    HRESULT code = E_FAIL;
    INT reserved = 77;
    hr(name + "/QueryStatus", async->QueryStatus(&code, &reserved), S_OK);
    number(name + "/reserved", (unsigned)reserved, 0);
    return code;
}

static VSS_ID lasting_set(const Volumes &volumes, std::vector<Copy> *copies = nullptr) {
    auto maker = backup(VSS_CTX_NAS_ROLLBACK);
    VSS_ID set = create_set(maker.get(), volumes, copies);
    fact("set", text_of(set));
    if (copies)
        for (auto &copy : *copies) fact("copy", text_of(copy.id));
    return set;
}

// Everything that arguments and catalogue decide (checks 1, 4, 5 and the order of checks).
static void codes(const Volumes &volumes) {
    std::vector<Copy> copies;
    VSS_ID set = lasting_set(volumes, &copies);
    auto object = backup(VSS_CTX_ALL);
    auto extended = query<IVssBackupComponentsEx2>(object.get());
    VSS_ID unknown = random_id();
    hr("unknown set", object->BreakSnapshotSet(unknown), VSS_E_OBJECT_NOT_FOUND);
    hr("GUID_NULL", object->BreakSnapshotSet(GUID_NULL), VSS_E_OBJECT_NOT_FOUND);
    hr("id of a copy", object->BreakSnapshotSet(copies[0].id), VSS_E_OBJECT_NOT_FOUND);
    hr("Ex, GUID_NULL", refused(object.get(), GUID_NULL, 0), VSS_E_OBJECT_NOT_FOUND);
    hr("Ex, id of a copy", refused(object.get(), copies[0].id, 0), VSS_E_OBJECT_NOT_FOUND);
    hr("Ex, no place for the operation", extended->BreakSnapshotSetEx(set, 0, nullptr), E_INVALIDARG);
    hr("Ex, no place, wrong flags and set", extended->BreakSnapshotSetEx(unknown, 0xFF, nullptr),
       E_INVALIDARG);
    auto bare = fresh();
    auto bare_extended = query<IVssBackupComponentsEx2>(bare.get());
    hr("before initialisation", bare->BreakSnapshotSet(set), VSS_E_BAD_STATE);
    hr("Ex, before initialisation", refused(bare.get(), set, 0), VSS_E_BAD_STATE);
    hr("Ex, state before flags", refused(bare.get(), set, 0xC), VSS_E_BAD_STATE);
    hr("Ex, no place before state", bare_extended->BreakSnapshotSetEx(set, 0, nullptr), E_INVALIDARG);
    for (DWORD flags = 0; flags < 0x100; flags++) {
        hr("unknown set, flags " + hex(flags), refused(object.get(), unknown, flags),
           is_legal(flags) ? VSS_E_OBJECT_NOT_FOUND : E_INVALIDARG);
        if (!is_legal(flags))
            hr("real set, flags " + hex(flags), refused(object.get(), set, flags), E_INVALIDARG);
    }
    for (DWORD flags : {0x100UL, 0x200UL, 0x400UL, 0x800UL, 0x102UL, 0x80000000UL, 0xFFFFFFFFUL})
        hr("real set, flags " + hex(flags), refused(object.get(), set, flags), E_INVALIDARG);
    number("the set is whole", listed(object.get(), set).size(), volumes.size());
    check::at("refused");
}

// What the ids of a broken set are good for (check 7).
static void forgotten(const std::string &name, IVssBackupComponents *object, const VSS_ID &set,
                      const VSS_ID &copy) {
    number(name + "/not listed", listed(object, set).size(), 0);
    hr(name + "/again", object->BreakSnapshotSet(set), VSS_E_OBJECT_NOT_FOUND);
    hr(name + "/again, Ex", refused(object, set, 0), VSS_E_OBJECT_NOT_FOUND);
    VSS_SNAPSHOT_PROP p;
    hr(name + "/GetSnapshotProperties", object->GetSnapshotProperties(copy, &p),
       VSS_E_OBJECT_NOT_FOUND);
    LONG deleted = 77;
    VSS_ID nondeleted;
    hr(name + "/DeleteSnapshots",
       object->DeleteSnapshots(set, VSS_OBJECT_SNAPSHOT_SET, TRUE, &deleted, &nondeleted),
       VSS_E_OBJECT_NOT_FOUND);
    VSS_PWSZ exposed = nullptr;
    wchar_t letter[] = L"X:";
    hr(name + "/ExposeSnapshot",
       object->ExposeSnapshot(copy, nullptr, VSS_VOLSNAP_ATTR_EXPOSED_LOCALLY, letter, &exposed),
       VSS_E_OBJECT_NOT_FOUND);
    hr(name + "/UnexposeSnapshot",
       query<IVssBackupComponentsEx2>(object)->UnexposeSnapshot(copy), VSS_E_OBJECT_NOT_FOUND);
}

// One break with these flags, the test looking on: it may mask the originals at `before`, and looks at
// the disks at `after`. `wanted` is the outcome.
static void one(const Volumes &volumes, DWORD flags, HRESULT wanted) {
    std::string name = "flags " + hex(flags);
    std::vector<Copy> copies;
    VSS_ID set = lasting_set(volumes, &copies);
    check::at("before");
    auto object = backup(VSS_CTX_ALL);
    hr(name + "/outcome", broken(name, object.get(), set, flags), wanted);
    if (wanted == VSS_S_ASYNC_FINISHED)
        forgotten(name, object.get(), set, copies[0].id);
    else
        number(name + "/still listed", listed(object.get(), set).size(), volumes.size());
    check::at("after");
}

// BreakSnapshotSet (checks 6, 7 and 15).
static void plain(const Volumes &volumes) {
    std::vector<Copy> copies;
    VSS_ID set = lasting_set(volumes, &copies);
    check::at("before");
    auto object = backup(VSS_CTX_ALL);
    hr("plain", object->BreakSnapshotSet(set), S_OK);
    forgotten("plain", object.get(), set, copies[0].id);
    check::at("after");
}

// A set that would go with its object stays when it is broken (check 16), whoever breaks it.
static void auto_release(const Volumes &volumes) {
    auto maker = backup(VSS_CTX_FILE_SHARE_BACKUP);
    VSS_ID set = create_set(maker.get(), volumes);
    fact("set", text_of(set));
    auto other = backup(VSS_CTX_ALL);
    hr("by another object/outcome", broken("by another object", other.get(), set, 2),
       VSS_S_ASYNC_FINISHED);
    maker.release();
    check::at("released");
    auto next = backup(VSS_CTX_FILE_SHARE_BACKUP);
    set = create_set(next.get(), volumes);
    fact("set", text_of(set));
    hr("by its own object/outcome", broken("by its own object", next.get(), set, 2),
       VSS_S_ASYNC_FINISHED);
    next.release();
    other.release();
    check::at("released");
}

// Releasing the operation at once does not stop the break.
static void let_go(const Volumes &volumes) {
    VSS_ID set = lasting_set(volumes);
    auto object = backup(VSS_CTX_ALL);
    auto extended = query<IVssBackupComponentsEx2>(object.get());
    IVssAsync *async = nullptr;
    hr("begun", extended->BreakSnapshotSetEx(set, 2, &async), S_OK);
    if (async) async->Release();
    extended.release();
    object.release();
    check::at("after");
}

// After a break the document leads nowhere (check 25); a recovery set is empty (check 26).
static void documents(const Volumes &volumes) {
    auto maker = backup(VSS_CTX_NAS_ROLLBACK);
    VSS_ID set = create_set(maker.get(), volumes);
    Text document;
    hr("SaveAsXML", maker->SaveAsXML(document.put()), S_OK);
    hr("break", maker->BreakSnapshotSet(set), S_OK);
    maker.release();
    auto importer = fresh();
    hr("InitializeForBackup", importer->InitializeForBackup(document.get()), S_OK);
    hr("SetContext", importer->SetContext(VSS_CTX_ALL), S_OK);
    Ptr<IVssAsync> async;
    HRESULT code = importer->ImportSnapshots(async.put());
    if (SUCCEEDED(code) && async) code = outcome_of(async.get());
    is("ImportSnapshots fails", FAILED(code));
    auto without = backup(VSS_CTX_ALL);
    hr("ImportSnapshots without a document", without->ImportSnapshots(async.put()), VSS_E_BAD_STATE);
    auto restorer = fresh();
    hr("InitializeForRestore", restorer->InitializeForRestore(document.get()), S_OK);
    auto recovery = query<IVssBackupComponentsEx3>(restorer.get());
    hr("RecoverSet of nothing", recovery->RecoverSet(0, async.put()), VSS_E_BAD_STATE);
    is("no operation", !async);
    hr("RecoverSet with wrong flags", recovery->RecoverSet(1, async.put()), E_INVALIDARG);
    hr("RecoverSet without a place", recovery->RecoverSet(0, nullptr), E_INVALIDARG);
    hr("AddSnapshotToRecoverySet of GUID_NULL",
       recovery->AddSnapshotToRecoverySet(GUID_NULL, 0, nullptr), E_INVALIDARG);
    hr("AddSnapshotToRecoverySet with flags",
       recovery->AddSnapshotToRecoverySet(random_id(), 0x100, nullptr), E_INVALIDARG);
    hr("PreFastRecovery", recovery->PreFastRecovery(set, 0, async.put()), E_NOTIMPL);
    hr("FastRecovery", recovery->FastRecovery(set, 0, async.put()), E_NOTIMPL);
}

int main(int argc, char **argv) {
    Apartment apartment;
    std::string what = argc > 1 ? argv[1] : "";
    if (what == "flags" && argc > 3) {
        one(volumes_of(argc, argv, 4), strtoul(argv[2], nullptr, 0),
            (HRESULT)strtoul(argv[3], nullptr, 0));
        return check::done();
    }
    Volumes volumes = volumes_of(argc, argv, 2);
    if (what == "codes") codes(volumes);
    if (what == "plain") plain(volumes);
    if (what == "auto-release") auto_release(volumes);
    if (what == "let-go") let_go(volumes);
    if (what == "documents") documents(volumes);
    return check::done();
}

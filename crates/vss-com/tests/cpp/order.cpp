// Each method of the 65 slots before initialisation, in the wrong mode, out of order, and with arguments
// that are wrong in themselves, which is told before anything else.
#include "requester.h"

#include <functional>

using check::hr;
using Components = IVssBackupComponentsEx4;
using Call = std::function<HRESULT(Components *)>;

// Where calls put their results; nobody reads them.
static struct {
    UINT count;
    VSS_ID id, other;
    BSTR text;
    VSS_WRITER_STATE state;
    HRESULT code;
    LONG number;
    BOOL flag;
    VSS_PWSZ string, more;
    VSS_SNAPSHOT_PROP properties;
} out;

// The result of a call that begins an operation; one that was begun is waited for.
template <class F> static HRESULT begun(F call) {
    Ptr<IVssAsync> async;
    HRESULT code = call(async.put());
    if (SUCCEEDED(code) && async) outcome_of(async.get());
    return code;
}

// The result of a call that hands out an object.
template <class T, class F> static HRESULT object(F call) {
    Ptr<T> one;
    return call(one.put());
}

static HRESULT text(const std::function<HRESULT(BSTR *)> &call) {
    Text one;
    return call(one.put());
}

static const VSS_COMPONENT_TYPE TYPE = VSS_CT_FILEGROUP;
static wchar_t VOLUME[] = L"E:\\";
static wchar_t FILE_PATH[] = L"C:\\windows\\win.ini";

struct Row {
    const char *name;
    // With arguments that are right in themselves.
    Call call;
    // Results right after InitializeForBackup, right after InitializeForRestore, and before either.
    HRESULT backup, restore, fresh;
    // With an argument that is wrong in itself; none where no argument can be.
    Call wrong;
};

#define CALL(expression) [](Components *c) -> HRESULT { return c->expression; }
#define ASYNC(method)                                                                              \
    [](Components *c) { return begun([c](IVssAsync **async) { return c->method(async); }); }
#define EDIT(method, ...) CALL(method(random_id(), TYPE, nullptr, L"name", __VA_ARGS__))
#define NAMELESS(method, ...) CALL(method(random_id(), TYPE, nullptr, nullptr, __VA_ARGS__))

static const HRESULT STATE = VSS_E_BAD_STATE;
static const HRESULT NONE = VSS_E_OBJECT_NOT_FOUND;

static const Row ROWS[] = {
    {"GetWriterComponentsCount", CALL(GetWriterComponentsCount(&out.count)), S_OK, S_OK, STATE,
     CALL(GetWriterComponentsCount(nullptr))},
    {"GetWriterComponents",
     [](Components *c) {
         // Not an interface with IUnknown first, so not for Ptr.
         IVssWriterComponentsExt *one = nullptr;
         return c->GetWriterComponents(0, &one);
     },
     NONE, NONE, STATE, CALL(GetWriterComponents(0, nullptr))},
    {"InitializeForBackup", CALL(InitializeForBackup(nullptr)), STATE, STATE, S_OK, nullptr},
    {"SetBackupState", CALL(SetBackupState(true, false, VSS_BT_FULL, false)), S_OK, STATE, STATE,
     nullptr},
    {"InitializeForRestore",
     [](Components *c) {
         Text document(L"<document/>");
         return c->InitializeForRestore(document.get());
     },
     STATE, STATE, VSS_E_INVALID_XML_DOCUMENT, CALL(InitializeForRestore(nullptr))},
    {"SetRestoreState", CALL(SetRestoreState(VSS_RTYPE_BY_COPY)), STATE, S_OK, STATE, nullptr},
    {"GatherWriterMetadata", ASYNC(GatherWriterMetadata), S_OK, S_OK, STATE,
     CALL(GatherWriterMetadata(nullptr))},
    {"GetWriterMetadataCount", CALL(GetWriterMetadataCount(&out.count)), STATE, STATE, STATE,
     CALL(GetWriterMetadataCount(nullptr))},
    {"GetWriterMetadata",
     [](Components *c) {
         return object<IVssExamineWriterMetadata>([c](IVssExamineWriterMetadata **one) {
             return c->GetWriterMetadata(0, &out.id, one);
         });
     },
     STATE, STATE, STATE, CALL(GetWriterMetadata(0, &out.id, nullptr))},
    {"FreeWriterMetadata", CALL(FreeWriterMetadata()), STATE, STATE, STATE, nullptr},
    {"AddComponent", CALL(AddComponent(random_id(), random_id(), TYPE, nullptr, L"name")), STATE,
     STATE, STATE, CALL(AddComponent(random_id(), random_id(), TYPE, nullptr, nullptr))},
    {"PrepareForBackup", ASYNC(PrepareForBackup), STATE, STATE, STATE,
     CALL(PrepareForBackup(nullptr))},
    {"AbortBackup", CALL(AbortBackup()), S_OK, STATE, STATE, nullptr},
    {"GatherWriterStatus", ASYNC(GatherWriterStatus), S_OK, S_OK, STATE,
     CALL(GatherWriterStatus(nullptr))},
    {"GetWriterStatusCount", CALL(GetWriterStatusCount(&out.count)), STATE, STATE, STATE,
     CALL(GetWriterStatusCount(nullptr))},
    {"FreeWriterStatus", CALL(FreeWriterStatus()), S_OK, S_OK, STATE, nullptr},
    {"GetWriterStatus",
     CALL(GetWriterStatus(0, &out.id, &out.other, &out.text, &out.state, &out.code)), STATE, STATE,
     STATE, CALL(GetWriterStatus(0, &out.id, &out.other, &out.text, &out.state, nullptr))},
    {"SetBackupSucceeded",
     CALL(SetBackupSucceeded(random_id(), random_id(), TYPE, nullptr, L"name", true)), STATE, STATE,
     STATE, CALL(SetBackupSucceeded(random_id(), random_id(), TYPE, nullptr, nullptr, true))},
    {"SetBackupOptions", EDIT(SetBackupOptions, L"options"), STATE, STATE, STATE,
     NAMELESS(SetBackupOptions, L"options")},
    {"SetSelectedForRestore", EDIT(SetSelectedForRestore, true), STATE, NONE, STATE,
     NAMELESS(SetSelectedForRestore, true)},
    {"SetRestoreOptions", EDIT(SetRestoreOptions, L"options"), STATE, NONE, STATE,
     NAMELESS(SetRestoreOptions, L"options")},
    {"SetAdditionalRestores", EDIT(SetAdditionalRestores, true), STATE, NONE, STATE,
     NAMELESS(SetAdditionalRestores, true)},
    {"SetPreviousBackupStamp", EDIT(SetPreviousBackupStamp, L"stamp"), STATE, STATE, STATE,
     NAMELESS(SetPreviousBackupStamp, L"stamp")},
    {"SaveAsXML",
     [](Components *c) { return text([c](BSTR *one) { return c->SaveAsXML(one); }); }, S_OK, S_OK,
     STATE, CALL(SaveAsXML(nullptr))},
    {"BackupComplete", ASYNC(BackupComplete), STATE, STATE, STATE, CALL(BackupComplete(nullptr))},
    {"AddAlternativeLocationMapping",
     EDIT(AddAlternativeLocationMapping, L"C:\\a", L"*", false, L"C:\\b"), STATE, NONE, STATE,
     NAMELESS(AddAlternativeLocationMapping, L"C:\\a", L"*", false, L"C:\\b")},
    {"AddRestoreSubcomponent", EDIT(AddRestoreSubcomponent, L"path", L"sub", false), STATE, NONE,
     STATE, NAMELESS(AddRestoreSubcomponent, L"path", L"sub", false)},
    {"SetFileRestoreStatus", EDIT(SetFileRestoreStatus, VSS_RS_ALL), STATE, NONE, STATE,
     NAMELESS(SetFileRestoreStatus, VSS_RS_ALL)},
    {"AddNewTarget", EDIT(AddNewTarget, L"C:\\a", L"*", false, L"C:\\b"), STATE, NONE, STATE,
     NAMELESS(AddNewTarget, L"C:\\a", L"*", false, L"C:\\b")},
    {"SetRangesFilePath", EDIT(SetRangesFilePath, 0, L"C:\\ranges"), STATE, NONE, STATE,
     NAMELESS(SetRangesFilePath, 0, L"C:\\ranges")},
    {"PreRestore", ASYNC(PreRestore), STATE, S_OK, STATE, CALL(PreRestore(nullptr))},
    {"PostRestore", ASYNC(PostRestore), STATE, STATE, STATE, CALL(PostRestore(nullptr))},
    {"SetContext", CALL(SetContext(VSS_CTX_BACKUP)), S_OK, STATE, STATE,
     CALL(SetContext(VSS_VOLSNAP_ATTR_PERSISTENT))},
    {"StartSnapshotSet", CALL(StartSnapshotSet(&out.id)), S_OK, STATE, STATE,
     CALL(StartSnapshotSet(nullptr))},
    {"AddToSnapshotSet", CALL(AddToSnapshotSet(VOLUME, GUID_NULL, &out.id)), STATE, STATE, STATE,
     CALL(AddToSnapshotSet(nullptr, GUID_NULL, &out.id))},
    {"DoSnapshotSet", ASYNC(DoSnapshotSet), STATE, STATE, STATE, CALL(DoSnapshotSet(nullptr))},
    {"DeleteSnapshots",
     CALL(DeleteSnapshots(random_id(), VSS_OBJECT_SNAPSHOT, TRUE, &out.number, &out.id)), NONE, STATE,
     STATE, CALL(DeleteSnapshots(random_id(), VSS_OBJECT_SNAPSHOT, TRUE, nullptr, &out.id))},
    {"ImportSnapshots", ASYNC(ImportSnapshots), STATE, STATE, STATE, CALL(ImportSnapshots(nullptr))},
    {"BreakSnapshotSet", CALL(BreakSnapshotSet(random_id())), NONE, STATE, STATE, nullptr},
    {"GetSnapshotProperties", CALL(GetSnapshotProperties(random_id(), &out.properties)), NONE, STATE,
     STATE, CALL(GetSnapshotProperties(random_id(), nullptr))},
    {"Query",
     [](Components *c) {
         return object<IVssEnumObject>([c](IVssEnumObject **one) {
             return c->Query(GUID_NULL, VSS_OBJECT_NONE, VSS_OBJECT_PROVIDER, one);
         });
     },
     S_OK, STATE, STATE, CALL(Query(GUID_NULL, VSS_OBJECT_NONE, VSS_OBJECT_PROVIDER, nullptr))},
    {"IsVolumeSupported", CALL(IsVolumeSupported(GUID_NULL, VOLUME, &out.flag)), S_OK, STATE, STATE,
     CALL(IsVolumeSupported(GUID_NULL, VOLUME, nullptr))},
    {"DisableWriterClasses", CALL(DisableWriterClasses(&out.id, 1)), S_OK, S_OK, STATE,
     CALL(DisableWriterClasses(nullptr, 1))},
    {"EnableWriterClasses", CALL(EnableWriterClasses(&out.id, 1)), S_OK, S_OK, STATE,
     CALL(EnableWriterClasses(nullptr, 1))},
    {"DisableWriterInstances", CALL(DisableWriterInstances(&out.id, 1)), S_OK, S_OK, STATE,
     CALL(DisableWriterInstances(nullptr, 1))},
    {"ExposeSnapshot",
     CALL(ExposeSnapshot(random_id(), nullptr, VSS_VOLSNAP_ATTR_EXPOSED_LOCALLY, VOLUME, &out.string)),
     NONE, STATE, STATE,
     CALL(ExposeSnapshot(random_id(), nullptr, VSS_VOLSNAP_ATTR_EXPOSED_LOCALLY, VOLUME, nullptr))},
    {"RevertToSnapshot", CALL(RevertToSnapshot(random_id(), TRUE)), NONE, STATE, STATE, nullptr},
    {"QueryRevertStatus",
     [](Components *c) {
         return begun([c](IVssAsync **async) { return c->QueryRevertStatus(VOLUME, async); });
     },
     NONE, STATE, STATE, CALL(QueryRevertStatus(VOLUME, nullptr))},
    {"GetWriterMetadataEx",
     [](Components *c) {
         return object<IVssExamineWriterMetadataEx>([c](IVssExamineWriterMetadataEx **one) {
             return c->GetWriterMetadataEx(0, &out.id, one);
         });
     },
     STATE, STATE, STATE, CALL(GetWriterMetadataEx(0, &out.id, nullptr))},
    {"SetSelectedForRestoreEx",
     CALL(SetSelectedForRestoreEx(random_id(), TYPE, nullptr, L"name", true, GUID_NULL)), STATE, NONE,
     STATE, CALL(SetSelectedForRestoreEx(random_id(), TYPE, nullptr, nullptr, true, GUID_NULL))},
    {"UnexposeSnapshot", CALL(UnexposeSnapshot(random_id())), NONE, STATE, STATE, nullptr},
    {"SetAuthoritativeRestore", EDIT(SetAuthoritativeRestore, true), STATE, NONE, STATE,
     NAMELESS(SetAuthoritativeRestore, true)},
    {"SetRollForward", EDIT(SetRollForward, VSS_RF_ALL, L"point"), STATE, NONE, STATE,
     NAMELESS(SetRollForward, VSS_RF_ALL, L"point")},
    {"SetRestoreName", EDIT(SetRestoreName, L"new"), STATE, NONE, STATE,
     NAMELESS(SetRestoreName, L"new")},
    {"BreakSnapshotSetEx",
     [](Components *c) {
         return begun([c](IVssAsync **async) { return c->BreakSnapshotSetEx(random_id(), 0, async); });
     },
     NONE, STATE, STATE, CALL(BreakSnapshotSetEx(random_id(), 0, nullptr))},
    {"PreFastRecovery",
     [](Components *c) {
         return begun([c](IVssAsync **async) { return c->PreFastRecovery(random_id(), 0, async); });
     },
     E_NOTIMPL, E_NOTIMPL, E_NOTIMPL, nullptr},
    {"FastRecovery",
     [](Components *c) {
         return begun([c](IVssAsync **async) { return c->FastRecovery(random_id(), 0, async); });
     },
     E_NOTIMPL, E_NOTIMPL, E_NOTIMPL, nullptr},
    {"GetWriterStatusEx",
     CALL(GetWriterStatusEx(0, &out.id, &out.other, &out.text, &out.state, &out.code, nullptr, nullptr)),
     STATE, STATE, STATE,
     CALL(GetWriterStatusEx(0, &out.id, &out.other, &out.text, nullptr, &out.code, nullptr, nullptr))},
    {"AddSnapshotToRecoverySet", CALL(AddSnapshotToRecoverySet(random_id(), 0, nullptr)), STATE, STATE,
     STATE, CALL(AddSnapshotToRecoverySet(GUID_NULL, 0, nullptr))},
    {"RecoverSet",
     [](Components *c) { return begun([c](IVssAsync **async) { return c->RecoverSet(0, async); }); },
     STATE, STATE, STATE, CALL(RecoverSet(0, nullptr))},
    {"GetSessionId", CALL(GetSessionId(&out.id)), S_OK, S_OK, STATE, CALL(GetSessionId(nullptr))},
    {"GetRootAndLogicalPrefixPaths",
     [](Components *c) {
         HRESULT code = c->GetRootAndLogicalPrefixPaths(FILE_PATH, &out.string, &out.more, FALSE);
         if (SUCCEEDED(code)) {
             CoTaskMemFree(out.string);
             CoTaskMemFree(out.more);
         }
         return code;
     },
     S_OK, S_OK, STATE, CALL(GetRootAndLogicalPrefixPaths(FILE_PATH, nullptr, &out.more, FALSE))},
};

static Text document;

enum Mode { FRESH, BACKUP, RESTORE };

// A new object for each row, so that no row depends on another.
static Ptr<Components> in_mode(Mode mode) {
    auto object = fresh();
    if (mode == BACKUP) check::must("InitializeForBackup", object->InitializeForBackup(nullptr));
    if (mode == RESTORE)
        check::must("InitializeForRestore", object->InitializeForRestore(document.get()));
    return query<Components>(object.get());
}

int main() {
    Apartment apartment;
    {
        auto object = backup(VSS_CTX_BACKUP);
        check::must("SaveAsXML", object->SaveAsXML(document.put()));
    }
    check::number("a row for each slot", sizeof ROWS / sizeof *ROWS, 65 - 3);
    for (auto &row : ROWS) {
        std::string name = row.name;
        hr(name + "/fresh", row.call(in_mode(FRESH).get()), row.fresh);
        hr(name + "/backup", row.call(in_mode(BACKUP).get()), row.backup);
        hr(name + "/restore", row.call(in_mode(RESTORE).get()), row.restore);
        if (row.wrong) {
            hr(name + "/wrong argument", row.wrong(in_mode(FRESH).get()), E_INVALIDARG);
            hr(name + "/wrong argument, backup", row.wrong(in_mode(BACKUP).get()), E_INVALIDARG);
            hr(name + "/wrong argument, restore", row.wrong(in_mode(RESTORE).get()), E_INVALIDARG);
        }
    }
    // What may be called once.
    auto object = backup(VSS_CTX_BACKUP);
    hr("SetContext/twice", object->SetContext(VSS_CTX_BACKUP), STATE);
    auto gather = [&object](IVssAsync **async) { return object->GatherWriterMetadata(async); };
    hr("GatherWriterMetadata/once", begun(gather), S_OK);
    hr("GatherWriterMetadata/twice", begun(gather), STATE);
    hr("FreeWriterMetadata/once", object->FreeWriterMetadata(), S_OK);
    hr("GetWriterMetadataCount/freed", object->GetWriterMetadataCount(&out.count), STATE);
    VSS_ID set;
    hr("StartSnapshotSet/once", object->StartSnapshotSet(&set), S_OK);
    check::is("StartSnapshotSet/twice", FAILED(object->StartSnapshotSet(&set)));
    hr("DoSnapshotSet/not prepared",
       begun([&object](IVssAsync **async) { return object->DoSnapshotSet(async); }), STATE);
    auto prepare = [&object](IVssAsync **async) { return object->PrepareForBackup(async); };
    hr("PrepareForBackup/no backup state", begun(prepare), STATE);
    hr("SetBackupState", object->SetBackupState(false, false, VSS_BT_COPY, false), S_OK);
    hr("PrepareForBackup/once", begun(prepare), S_OK);
    hr("PrepareForBackup/twice", begun(prepare), STATE);
    hr("SetBackupState/late", object->SetBackupState(false, false, VSS_BT_COPY, false), STATE);
    auto create = [&object](IVssAsync **async) { return object->DoSnapshotSet(async); };
    hr("DoSnapshotSet/empty set", begun(create), S_OK);
    hr("DoSnapshotSet/twice", begun(create), STATE);
    auto complete = [&object](IVssAsync **async) { return object->BackupComplete(async); };
    hr("BackupComplete/once", begun(complete), S_OK);
    hr("BackupComplete/twice", begun(complete), STATE);
    // Contexts that are none.
    for (LONG context : {0x60000L, 0x3DL, 0x1L, 0x80000L, 0x100000L, 0x800002L, 0x40L, 0x8000000L}) {
        auto other = in_mode(BACKUP);
        char name[40];
        snprintf(name, sizeof name, "SetContext/0x%lx", context);
        hr(name, other->SetContext(context), E_INVALIDARG);
    }
    return check::done();
}

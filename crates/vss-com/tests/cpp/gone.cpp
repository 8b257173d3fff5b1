// The daemon goes away under a requester, which gets an error code and neither hangs nor crashes.
// Arguments: what, volumes. The test ends or starts the daemon where the program waits.
#include "requester.h"

using check::hr;
using check::is;
using check::number;
using Volumes = std::vector<std::wstring>;

// Every method that needs the daemon fails, in a while, with a code for "the service is not there".
static void all_fail(const std::string &name, IVssBackupComponents *object, const VSS_ID &set,
                     const VSS_ID &copy) {
    auto failed = [&name](const char *method, HRESULT code) {
        check::hr(name + "/" + method, code, VSS_E_UNEXPECTED);
    };
    VSS_SNAPSHOT_PROP p;
    memset(&p, 0xAA, sizeof p);
    failed("GetSnapshotProperties", object->GetSnapshotProperties(copy, &p));
    is(name + "/no string", !p.m_pwszSnapshotDeviceObject);
    Ptr<IVssEnumObject> all;
    failed("Query", object->Query(GUID_NULL, VSS_OBJECT_NONE, VSS_OBJECT_SNAPSHOT, all.put()));
    is(name + "/no enumerator", !all);
    LONG deleted = 77;
    VSS_ID nondeleted = random_id();
    failed("DeleteSnapshots",
           object->DeleteSnapshots(set, VSS_OBJECT_SNAPSHOT_SET, TRUE, &deleted, &nondeleted));
    number(name + "/none deleted", deleted, 0);
    failed("BreakSnapshotSet", object->BreakSnapshotSet(set));
    Ptr<IVssAsync> async;
    auto extended = query<IVssBackupComponentsEx2>(object);
    failed("BreakSnapshotSetEx", extended->BreakSnapshotSetEx(set, 2, async.put()));
    is(name + "/no operation", !async);
    Ptr<IVssBackupComponents> another;
    HRESULT code = create_components(another.put());
    if (SUCCEEDED(code)) code = another->InitializeForBackup(nullptr);
    failed("CreateVssBackupComponents", code);
}

// Stopped or killed while objects are open, then started anew.
static void gone(const Volumes &volumes) {
    auto object = backup(VSS_CTX_NAS_ROLLBACK);
    std::vector<Copy> copies;
    VSS_ID set = create_set(object.get(), volumes, &copies);
    fact("set", text_of(set));
    check::at("end");
    all_fail("gone", object.get(), set, copies[0].id);
    check::at("start");
    // The session died with the daemon; a new object finds the set.
    VSS_SNAPSHOT_PROP p;
    HRESULT code = object->GetSnapshotProperties(copies[0].id, &p);
    if (SUCCEEDED(code)) free_properties(&p);
    is("back/the old object gives a code",
       code == S_OK || code == VSS_E_BAD_STATE || code == VSS_E_UNEXPECTED ||
           code == VSS_E_OBJECT_NOT_FOUND);
    object.release();
    auto next = backup(VSS_CTX_ALL);
    number("back/listed", listed(next.get(), set).size(), volumes.size());
    hr("back/broken", next->BreakSnapshotSet(set), S_OK);
}

// Killed while an operation runs: the test ends it as soon as the program waits.
static void running(const Volumes &volumes) {
    auto object = backup(VSS_CTX_NAS_ROLLBACK);
    VSS_ID set = create_set(object.get(), volumes);
    fact("set", text_of(set));
    auto extended = query<IVssBackupComponentsEx2>(object.get());
    Ptr<IVssAsync> async;
    hr("running/begun", extended->BreakSnapshotSetEx(set, 2, async.put()), S_OK);
    check::at("end");
    // It may have come to its end before; else nobody knows how it stands.
    HRESULT waited = async->Wait(INFINITE), code = E_FAIL;
    is("running/Wait", waited == S_OK || waited == VSS_E_UNEXPECTED);
    HRESULT asked = async->QueryStatus(&code, nullptr);
    is("running/QueryStatus", (asked == S_OK && code == VSS_S_ASYNC_FINISHED) ||
                                  asked == VSS_E_UNEXPECTED ||
                                  (asked == S_OK && code == VSS_E_UNEXPECTED));
    HRESULT cancelled = async->Cancel();
    is("running/Cancel", cancelled == VSS_S_ASYNC_FINISHED || FAILED(cancelled));
    async.release();
    extended.release();
    object.release();
    check::at("start");
    auto next = backup(VSS_CTX_ALL);
    size_t left = listed(next.get(), set).size();
    is("running/all or nothing", left == 0 || left == volumes.size());
}

// There is no daemon from the beginning.
static void absent() {
    Ptr<IVssBackupComponents> object;
    HRESULT code = create_components(object.put());
    if (SUCCEEDED(code)) code = object->InitializeForBackup(nullptr);
    hr("absent", code, VSS_E_UNEXPECTED);
}

int main(int argc, char **argv) {
    Apartment apartment;
    std::string what = argc > 1 ? argv[1] : "";
    Volumes volumes = volumes_of(argc, argv, 2);
    if (what == "gone") gone(volumes);
    if (what == "running") running(volumes);
    if (what == "absent") absent();
    if (what == "crash") RaiseException(EXCEPTION_ACCESS_VIOLATION, 0, 0, nullptr);
    if (what == "hang") Sleep(INFINITE);
    return check::done();
}

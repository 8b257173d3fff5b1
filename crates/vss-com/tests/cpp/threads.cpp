// Sixteen threads on one object, and sixteen with an object each. Arguments: what, volumes.
#include "requester.h"

#include <functional>

using check::hr;
using check::is;
using check::number;
using Volumes = std::vector<std::wstring>;

static const unsigned THREADS = 16;

struct Job {
    std::function<void(unsigned)> work;
    unsigned index;
    HANDLE start;
};

static DWORD WINAPI run(void *parameter) {
    auto *job = static_cast<Job *>(parameter);
    Apartment apartment;
    WaitForSingleObject(job->start, INFINITE);
    job->work(job->index);
    return 0;
}

// All begin at one instant; gives whether all came to their end.
static bool together(const std::function<void(unsigned)> &work) {
    HANDLE start = CreateEventW(nullptr, TRUE, FALSE, nullptr);
    std::vector<Job> jobs;
    for (unsigned i = 0; i < THREADS; i++) jobs.push_back({work, i, start});
    std::vector<HANDLE> threads;
    for (auto &job : jobs) threads.push_back(CreateThread(nullptr, 0, run, &job, 0, nullptr));
    SetEvent(start);
    DWORD waited = WaitForMultipleObjects(THREADS, threads.data(), TRUE, 120000);
    if (waited != WAIT_OBJECT_0) check::give_up("threads", HRESULT_FROM_WIN32(WAIT_TIMEOUT));
    for (HANDLE thread : threads) CloseHandle(thread);
    CloseHandle(start);
    return true;
}

// Many read, one is first in what may be done once, and nothing is counted wrong.
static void one_object(const Volumes &volumes) {
    auto object = backup(VSS_CTX_FILE_SHARE_BACKUP);
    std::vector<Copy> copies;
    VSS_ID set = create_set(object.get(), volumes, &copies);
    object->AddRef();
    ULONG references = object->Release();
    volatile LONG good = 0;
    together([&](unsigned) {
        for (int i = 0; i < 20; i++) {
            VSS_SNAPSHOT_PROP p;
            bool all = object->GetSnapshotProperties(copies[0].id, &p) == S_OK;
            if (all) free_properties(&p);
            auto three = query<IVssBackupComponentsEx3>(object.get());
            VSS_ID session = GUID_NULL;
            all = all && three->GetSessionId(&session) == S_OK;
            all = all && listed(object.get(), set).size() == copies.size();
            Text document;
            all = all && object->SaveAsXML(document.put()) == S_OK;
            if (all) InterlockedIncrement(&good);
        }
    });
    number("one object/readers", good, THREADS * 20);
    object->AddRef();
    number("one object/references", object->Release(), references);

    volatile LONG begun = 0, refused = 0, other = 0;
    together([&](unsigned) {
        auto extended = query<IVssBackupComponentsEx2>(object.get());
        Ptr<IVssAsync> async;
        HRESULT code = extended->BreakSnapshotSetEx(set, 2, async.put());
        if (SUCCEEDED(code)) code = outcome_of(async.get());
        if (code == VSS_S_ASYNC_FINISHED)
            InterlockedIncrement(&begun);
        else if (code == VSS_E_OBJECT_NOT_FOUND || code == VSS_E_BAD_STATE)
            InterlockedIncrement(&refused);
        else
            InterlockedIncrement(&other);
    });
    number("one object/one break", begun, 1);
    number("one object/others are refused", refused, THREADS - 1);
    number("one object/no other code", other, 0);

    auto creator = backup(VSS_CTX_BACKUP);
    volatile LONG first = 0;
    together([&](unsigned) {
        Ptr<IVssAsync> async;
        if (creator->GatherWriterMetadata(async.put()) == S_OK) InterlockedIncrement(&first);
    });
    number("one object/one gathers", first, 1);
}

// Each has an object of its own; creations come one after the other.
static void own_objects(const Volumes &volumes) {
    volatile LONG good = 0;
    together([&](unsigned index) {
        auto object = backup(VSS_CTX_FILE_SHARE_BACKUP);
        VSS_ID set = GUID_NULL;
        HRESULT code;
        while ((code = object->StartSnapshotSet(&set)) == VSS_E_SNAPSHOT_SET_IN_PROGRESS) Sleep(1);
        if (code != S_OK) return;
        std::wstring volume = volumes[index % volumes.size()];
        VSS_ID copy;
        if (object->AddToSnapshotSet(volume.data(), GUID_NULL, &copy) != S_OK) return;
        Ptr<IVssAsync> async;
        if (object->DoSnapshotSet(async.put()) != S_OK) return;
        if (outcome_of(async.get()) != VSS_S_ASYNC_FINISHED) return;
        if (listed(object.get(), set).size() != 1) return;
        auto extended = query<IVssBackupComponentsEx2>(object.get());
        if (extended->BreakSnapshotSetEx(set, index % 2 ? 2 : 0, async.put()) != S_OK) return;
        if (outcome_of(async.get()) != VSS_S_ASYNC_FINISHED) return;
        InterlockedIncrement(&good);
    });
    number("own objects/lives", good, THREADS);
}

// Control: a count that is not guarded is found to be wrong by the same means.
static void control() {
    volatile LONG count = 0;
    together([&](unsigned) {
        for (int i = 0; i < 200000; i++) {
            LONG old = count;
            count = old + 1;
        }
    });
    number("control/unguarded", count, THREADS * 200000);
}

int main(int argc, char **argv) {
    Apartment apartment;
    std::string what = argc > 1 ? argv[1] : "";
    Volumes volumes = volumes_of(argc, argv, 2);
    if (what == "one") one_object(volumes);
    if (what == "own") own_objects(volumes);
    if (what == "control") control();
    return check::done();
}

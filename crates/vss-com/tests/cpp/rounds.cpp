// Create, break and release again and again: what is left of it? Arguments: rounds, or 0 for as many as
// fit into the given seconds; seconds; a volume; `leak` makes the control, which must fail.
#include "requester.h"

// Open handles of this process, counted one by one: GetProcessHandleCount and the private bytes of
// GetProcessMemoryInfo are always 0 in Wine 8.0. The test looks at the memory from outside.
static unsigned handles() {
    struct Entry {
        ULONG owner;
        BYTE type, flags;
        USHORT value;
        void *object;
        ULONG access;
    };
    struct Table {
        ULONG count;
        Entry entries[1];
    };
    using Ask = LONG(WINAPI *)(ULONG, void *, ULONG, ULONG *);
    auto ask = reinterpret_cast<Ask>(reinterpret_cast<void *>(
        GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtQuerySystemInformation")));
    const ULONG SYSTEM_HANDLES = 16;
    std::vector<char> room(1 << 20);
    ULONG length = 0;
    if (ask(SYSTEM_HANDLES, room.data(), (ULONG)room.size(), &length) < 0)
        check::give_up("NtQuerySystemInformation", E_FAIL);
    auto *table = reinterpret_cast<Table *>(room.data());
    unsigned mine = 0;
    for (ULONG i = 0; i < table->count; i++)
        if ((table->entries[i].owner & 0xFFFF) == (GetCurrentProcessId() & 0xFFFF)) mine++;
    return mine;
}

// Blocks in use on a heap, and their bytes.
struct Heap {
    size_t blocks, bytes;
};

static Heap heap() {
    Heap sum = {0, 0};
    PROCESS_HEAP_ENTRY entry = {};
    HeapLock(GetProcessHeap());
    while (HeapWalk(GetProcessHeap(), &entry)) {
        if (!(entry.wFlags & PROCESS_HEAP_ENTRY_BUSY)) continue;
        sum.blocks++;
        sum.bytes += entry.cbData;
    }
    HeapUnlock(GetProcessHeap());
    return sum;
}

// Counts what is taken from the allocator of COM and not given back.
class Spy : public IMallocSpy {
    LONG references = 1;

  public:
    volatile LONG blocks = 0;
    volatile LONG calls = 0;

    HRESULT STDMETHODCALLTYPE QueryInterface(REFIID id, void **out) override {
        if (IsEqualGUID(id, __uuidof(IUnknown)) || IsEqualGUID(id, __uuidof(IMallocSpy))) {
            *out = this;
            AddRef();
            return S_OK;
        }
        *out = nullptr;
        return E_NOINTERFACE;
    }
    ULONG STDMETHODCALLTYPE AddRef() override { return InterlockedIncrement(&references); }
    ULONG STDMETHODCALLTYPE Release() override { return InterlockedDecrement(&references); }
    SIZE_T STDMETHODCALLTYPE PreAlloc(SIZE_T size) override { return size; }
    void *STDMETHODCALLTYPE PostAlloc(void *block) override {
        if (block) InterlockedIncrement(&blocks);
        InterlockedIncrement(&calls);
        return block;
    }
    void *STDMETHODCALLTYPE PreFree(void *block, BOOL) override {
        if (block) InterlockedDecrement(&blocks);
        return block;
    }
    void STDMETHODCALLTYPE PostFree(BOOL) override {}
    SIZE_T STDMETHODCALLTYPE PreRealloc(void *, SIZE_T size, void **next, BOOL) override {
        (void)next;
        return size;
    }
    void *STDMETHODCALLTYPE PostRealloc(void *block, BOOL) override { return block; }
    void *STDMETHODCALLTYPE PreGetSize(void *block, BOOL) override { return block; }
    SIZE_T STDMETHODCALLTYPE PostGetSize(SIZE_T size, BOOL) override { return size; }
    void *STDMETHODCALLTYPE PreDidAlloc(void *block, BOOL) override { return block; }
    int STDMETHODCALLTYPE PostDidAlloc(void *, BOOL, int actual) override { return actual; }
    void STDMETHODCALLTYPE PreHeapMinimize() override {}
    void STDMETHODCALLTYPE PostHeapMinimize() override {}
};

static Spy spy;

// One round; the copy's id is told, so that its disk can be removed.
static VSS_ID round_of(const std::vector<std::wstring> &volumes, bool leak) {
    auto object = backup(VSS_CTX_FILE_SHARE_BACKUP);
    std::vector<Copy> copies;
    VSS_ID set = create_set(object.get(), volumes, &copies);
    VSS_SNAPSHOT_PROP p;
    check::must("GetSnapshotProperties", object->GetSnapshotProperties(copies[0].id, &p));
    if (!leak) free_properties(&p);
    Text document;
    check::must("SaveAsXML", object->SaveAsXML(document.put()));
    if (listed(object.get(), set).size() != volumes.size()) check::give_up("Query", E_FAIL);
    auto extended = query<IVssBackupComponentsEx2>(object.get());
    Ptr<IVssAsync> async;
    check::must("BreakSnapshotSetEx", extended->BreakSnapshotSetEx(set, 2, async.put()));
    HRESULT code = outcome_of(async.get());
    if (code != VSS_S_ASYNC_FINISHED) check::give_up("break", code);
    if (leak) {
        async->AddRef();
        CreateEventW(nullptr, FALSE, FALSE, nullptr);
    }
    return set;
}

int main(int argc, char **argv) {
    Apartment apartment;
    if (argc < 4) return 2;
    unsigned rounds = strtoul(argv[1], nullptr, 0);
    ULONGLONG until = GetTickCount64() + 1000 * strtoul(argv[2], nullptr, 0);
    bool leak = argc > 4 && !strcmp(argv[4], "leak");
    std::vector<std::wstring> volumes = {wide(argv[3])};
    bool spying = SUCCEEDED(CoRegisterMallocSpy(&spy));
    // What is made once, such as threads and connections, is there after some rounds.
    for (int i = 0; i < 10; i++) {
        fact("set", text_of(round_of(volumes, false)));
        check::at("round");
    }
    check::at("warm");
    LONG strings = spy.blocks;
    unsigned open = handles();
    Heap before = heap();
    unsigned done = 0;
    for (; rounds ? done < rounds : GetTickCount64() < until; done++) {
        fact("set", text_of(round_of(volumes, leak)));
        check::at("round");
        if (done % 50 == 0) fact("course", std::to_string(heap().blocks));
    }
    fact("rounds", std::to_string(done));
    check::at("over");
    Heap after = heap();
    fact("handles", std::to_string(open) + " " + std::to_string(handles()));
    fact("heap", std::to_string(before.blocks) + " " + std::to_string(after.blocks));
    fact("strings", std::to_string(strings) + " " + std::to_string(spy.blocks) + " of " +
                        std::to_string(spy.calls));
    check::is("some rounds", done > 0);
    check::is("handles are counted", open > 0);
    check::is("handles", handles() <= open + 8);
    // Caches and threads come and go; rounds leave nothing, however many there are.
    check::is("blocks of the heap", after.blocks <= before.blocks + 64);
    check::is("a spy of allocations", spying && spy.calls > 0);
    // oleaut32 keeps some freed strings for later.
    check::is("allocations of COM", spy.blocks <= strings + 16);
    if (spying) CoRevokeMallocSpy();
    return check::done();
}

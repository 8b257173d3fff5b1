// What programs that call the DLL share: references and strings that are let go of, the DLL's exports,
// and steps that many of them need.
#ifndef OPENVSS_REQUESTER_H
#define OPENVSS_REQUESTER_H

#include "check.h"

#include <utility>
#include <vector>

// A reference that is counted.
template <class T> class Ptr {
    T *one = nullptr;

  public:
    Ptr() = default;
    explicit Ptr(T *taken) : one(taken) {}
    Ptr(const Ptr &) = delete;
    Ptr &operator=(const Ptr &) = delete;
    Ptr(Ptr &&other) noexcept : one(std::exchange(other.one, nullptr)) {}
    Ptr &operator=(Ptr &&other) noexcept {
        std::swap(one, other.one);
        return *this;
    }
    ~Ptr() { release(); }
    void release() {
        if (T *old = std::exchange(one, nullptr)) old->Release();
    }
    // Where a call puts its result.
    T **put() {
        release();
        return &one;
    }
    T *get() const { return one; }
    T *operator->() const { return one; }
    explicit operator bool() const { return one != nullptr; }
};

// A BSTR that is freed.
class Text {
    BSTR one = nullptr;

  public:
    Text() = default;
    explicit Text(const wchar_t *text) : one(SysAllocString(text)) {}
    Text(const Text &) = delete;
    Text &operator=(const Text &) = delete;
    ~Text() { SysFreeString(one); }
    BSTR *put() {
        SysFreeString(one);
        one = nullptr;
        return &one;
    }
    BSTR get() const { return one; }
    std::wstring string() const { return std::wstring(one ? one : L"", SysStringLen(one)); }
};

inline std::wstring wide(const char *text) {
    std::wstring all(text, text + strlen(text));
    return all;
}

inline std::string narrow(const wchar_t *text) {
    std::string all;
    for (; text && *text; text++) all += *text < 128 ? (char)*text : '?';
    return all;
}

inline std::string text_of(const GUID &id) {
    wchar_t text[40] = {};
    StringFromGUID2(id, text, 40);
    return narrow(text);
}

inline GUID id_of(const char *text) {
    GUID id = GUID_NULL;
    check::must("an id", CLSIDFromString(wide(text).c_str(), &id));
    return id;
}

inline GUID random_id() {
    GUID id;
    check::must("CoCreateGuid", CoCreateGuid(&id));
    return id;
}

inline void fact(const char *name, const std::string &value) {
    check::say("fact %s %s", name, value.c_str());
}

// Something of the DLL by its name.
inline FARPROC symbol(const char *name) {
    static HMODULE dll = LoadLibraryA("vssapi.dll");
    if (!dll) check::give_up("LoadLibrary vssapi.dll", HRESULT_FROM_WIN32(GetLastError()));
    return GetProcAddress(dll, name);
}

template <class F> F function(const char *name) {
    FARPROC found = symbol(name);
    if (!found) check::give_up(name, E_NOTIMPL);
    // Through void*: the real type is not that of FARPROC.
    return reinterpret_cast<F>(reinterpret_cast<void *>(found));
}

inline HRESULT create_components(IVssBackupComponents **out) {
    return function<HRESULT(STDAPICALLTYPE *)(IVssBackupComponents **)>(
        "CreateVssBackupComponentsInternal")(out);
}

inline void free_properties(VSS_SNAPSHOT_PROP *properties) {
    function<void(STDAPICALLTYPE *)(VSS_SNAPSHOT_PROP *)>("VssFreeSnapshotPropertiesInternal")(
        properties);
}

template <class T> Ptr<T> query(IUnknown *object) {
    Ptr<T> out;
    check::must("QueryInterface",
                object->QueryInterface(__uuidof(T), reinterpret_cast<void **>(out.put())));
    return out;
}

// A requester object, not initialised.
inline Ptr<IVssBackupComponents> fresh() {
    Ptr<IVssBackupComponents> object;
    check::must("CreateVssBackupComponents", create_components(object.put()));
    return object;
}

// An object for backups in a context.
inline Ptr<IVssBackupComponents> backup(LONG context) {
    auto object = fresh();
    check::must("InitializeForBackup", object->InitializeForBackup(nullptr));
    check::must("SetContext", object->SetContext(context));
    return object;
}

// How an operation ends.
inline HRESULT outcome_of(IVssAsync *async) {
    HRESULT code = E_FAIL;
    check::must("Wait", async->Wait(INFINITE));
    check::must("QueryStatus", async->QueryStatus(&code, nullptr));
    return code;
}

// A copy of a set.
struct Copy {
    VSS_ID id;
    std::wstring volume;
};

// A set of these volumes, in a context without writers, by an object of its own unless one is given.
inline VSS_ID create_set(IVssBackupComponents *object, const std::vector<std::wstring> &volumes,
                         std::vector<Copy> *copies = nullptr) {
    VSS_ID set = GUID_NULL;
    check::must("StartSnapshotSet", object->StartSnapshotSet(&set));
    for (auto volume : volumes) {
        VSS_ID copy = GUID_NULL;
        check::must("AddToSnapshotSet",
                    object->AddToSnapshotSet(volume.data(), GUID_NULL, &copy));
        if (copies) copies->push_back({copy, volume});
    }
    Ptr<IVssAsync> async;
    check::must("DoSnapshotSet", object->DoSnapshotSet(async.put()));
    HRESULT code = outcome_of(async.get());
    if (code != VSS_S_ASYNC_FINISHED) check::give_up("creation", code);
    return set;
}

// The copies that a query of the object lists; every string is freed.
inline std::vector<VSS_ID> listed(IVssBackupComponents *object, const VSS_ID &set) {
    std::vector<VSS_ID> ids;
    Ptr<IVssEnumObject> all;
    check::must("Query", object->Query(GUID_NULL, VSS_OBJECT_NONE, VSS_OBJECT_SNAPSHOT, all.put()));
    VSS_OBJECT_PROP one;
    ULONG fetched = 0;
    while (all && all->Next(1, &one, &fetched) == S_OK && fetched == 1) {
        if (IsEqualGUID(one.Obj.Snap.m_SnapshotSetId, set)) ids.push_back(one.Obj.Snap.m_SnapshotId);
        free_properties(&one.Obj.Snap);
    }
    return ids;
}

// The arguments from the second on, as volumes.
inline std::vector<std::wstring> volumes_of(int argc, char **argv, int first = 1) {
    std::vector<std::wstring> volumes;
    for (int i = first; i < argc; i++) volumes.push_back(wide(argv[i]));
    return volumes;
}

// COM for the whole program.
struct Apartment {
    Apartment() { check::must("CoInitializeEx", CoInitializeEx(nullptr, COINIT_MULTITHREADED)); }
    ~Apartment() { CoUninitialize(); }
};

#endif

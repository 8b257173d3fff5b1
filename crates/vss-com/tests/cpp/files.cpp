// Files of a copy, read through its device object while the live ones change.
// Arguments: a drive that has a.txt and folder/b.txt. The test changes them where the program waits.
#include "requester.h"

using check::hr;
using check::is;

static std::string contents(const std::wstring &path) {
    HANDLE file = CreateFileW(path.c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, 0, nullptr);
    if (file == INVALID_HANDLE_VALUE) return "not opened";
    char text[64] = {};
    DWORD length = 0;
    ReadFile(file, text, sizeof text - 1, &length, nullptr);
    CloseHandle(file);
    return text;
}

// Names in a folder, without the two of every folder.
static unsigned names(const std::wstring &folder) {
    WIN32_FIND_DATAW found;
    HANDLE search = FindFirstFileW((folder + L"\\*").c_str(), &found);
    if (search == INVALID_HANDLE_VALUE) return 0;
    unsigned count = 0;
    do {
        std::wstring name = found.cFileName;
        if (name != L"." && name != L".." && name != L"lost+found") count++;
    } while (FindNextFileW(search, &found));
    FindClose(search);
    return count;
}

// The device object of a copy, as a query tells it.
static std::wstring queried(IVssBackupComponents *object, const VSS_ID &id) {
    std::wstring device;
    Ptr<IVssEnumObject> all;
    check::must("Query", object->Query(GUID_NULL, VSS_OBJECT_NONE, VSS_OBJECT_SNAPSHOT, all.put()));
    VSS_OBJECT_PROP one;
    ULONG fetched = 0;
    while (all->Next(1, &one, &fetched) == S_OK) {
        if (IsEqualGUID(one.Obj.Snap.m_SnapshotId, id)) device = one.Obj.Snap.m_pwszSnapshotDeviceObject;
        free_properties(&one.Obj.Snap);
    }
    return device;
}

int main(int argc, char **argv) {
    Apartment apartment;
    auto volumes = volumes_of(argc, argv);
    auto object = backup(VSS_CTX_FILE_SHARE_BACKUP);
    WINBOOL supported = 77;
    hr("supported", object->IsVolumeSupported(GUID_NULL, volumes[0].data(), &supported), S_OK);
    is("supported/yes", supported == TRUE);
    std::vector<Copy> copies;
    create_set(object.get(), volumes, &copies);
    check::at("change");
    is("live", contents(volumes[0] + L"a.txt") == "after");
    is("a file by Query", contents(queried(object.get(), copies[0].id) + L"\\a.txt") == "before");
    VSS_SNAPSHOT_PROP copy;
    hr("properties", object->GetSnapshotProperties(copies[0].id, &copy), S_OK);
    std::wstring device = copy.m_pwszSnapshotDeviceObject;
    fact("device", narrow(device.c_str()));
    is("original", std::wstring(copy.m_pwszOriginalVolumeName).rfind(L"\\\\?\\Volume{", 0) == 0);
    free_properties(&copy);
    is("no backslash at the end", device.back() != L'\\');
    fact("read", contents(device + L"\\a.txt"));
    is("a file", contents(device + L"\\a.txt") == "before");
    is("a file in a folder", contents(device + L"\\folder\\b.txt") == "b");
    check::number("names", names(device), 2);
    HANDLE made = CreateFileW((device + L"\\new").c_str(), GENERIC_WRITE, 0, nullptr, CREATE_NEW, 0, nullptr);
    is("nothing can be written", made == INVALID_HANDLE_VALUE);
    WINBOOL present = 77;
    LONG capability = 77;
    using Snapshotted = HRESULT(STDAPICALLTYPE *)(VSS_PWSZ, WINBOOL *, LONG *);
    auto snapshotted = function<Snapshotted>("IsVolumeSnapshottedInternal");
    hr("IsVolumeSnapshotted", snapshotted(volumes[0].data(), &present, &capability), S_OK);
    is("snapshotted", present == TRUE);
    object.release();
    is("gone with the object", contents(device + L"\\a.txt") == "not opened");
    return check::done();
}

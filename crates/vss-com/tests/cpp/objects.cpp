// The rules that every COM object keeps, the objects that calls hand out, strings and who frees them,
// and the exports of the DLL.
#include "requester.h"

using check::hr;
using check::is;
using check::number;
using Volumes = std::vector<std::wstring>;

// As publicly documented: IUnknown is the second base, so that its table has a pointer of its own.
// mingw's header lacks it.
struct WriterComponentsExt : public IVssWriterComponents, public IUnknown {};

static void *const RUBBISH = reinterpret_cast<void *>(static_cast<INT_PTR>(0x1234));

static void *interface_of(IUnknown *object, const IID &id) {
    void *out = nullptr;
    if (SUCCEEDED(object->QueryInterface(id, &out)) && out) static_cast<IUnknown *>(out)->Release();
    return out;
}

// The rules of QueryInterface between all interfaces that the object should have.
static void identity(const std::string &name, IUnknown *object, const std::vector<IID> &ids) {
    void *unknown = interface_of(object, __uuidof(IUnknown));
    is(name + "/IUnknown", unknown != nullptr);
    for (size_t from = 0; from < ids.size(); from++) {
        Ptr<IUnknown> one;
        std::string start = name + "/" + std::to_string(from);
        hr(start, object->QueryInterface(ids[from], (void **)one.put()), S_OK);
        if (!one) continue;
        is(start + "/identity", interface_of(one.get(), __uuidof(IUnknown)) == unknown);
        bool all = true;
        for (auto &to : ids) all = all && interface_of(one.get(), to) != nullptr;
        is(start + "/symmetric and transitive", all);
    }
    void *out = RUBBISH;
    hr(name + "/unknown id", object->QueryInterface(random_id(), &out), E_NOINTERFACE);
    is(name + "/unknown id/null", out == nullptr);
    hr(name + "/no place", object->QueryInterface(__uuidof(IUnknown), nullptr), E_POINTER);
    ULONG first = object->AddRef();
    number(name + "/counted", object->AddRef(), first + 1);
    object->Release();
    number(name + "/counted back", object->Release(), first - 1);
}

static void interfaces(const Volumes &volumes) {
    auto object = fresh();
    identity("components", object.get(),
             {__uuidof(IUnknown), __uuidof(IVssBackupComponents), __uuidof(IVssBackupComponentsEx),
              __uuidof(IVssBackupComponentsEx2), __uuidof(IVssBackupComponentsEx3),
              __uuidof(IVssBackupComponentsEx4)});
    is("components/no async", !interface_of(object.get(), __uuidof(IVssAsync)));
    object.release();
    object = backup(VSS_CTX_FILE_SHARE_BACKUP);
    VSS_ID set = create_set(object.get(), volumes);
    Ptr<IVssEnumObject> all;
    hr("Query", object->Query(GUID_NULL, VSS_OBJECT_NONE, VSS_OBJECT_SNAPSHOT, all.put()), S_OK);
    identity("enumerator", all.get(), {__uuidof(IUnknown), __uuidof(IVssEnumObject)});
    Ptr<IVssAsync> async;
    hr("GatherWriterStatus", object->GatherWriterStatus(async.put()), S_OK);
    identity("async", async.get(), {__uuidof(IUnknown), __uuidof(IVssAsync)});
    // A requester's objects outlive the order in which they are released.
    object.release();
    HRESULT code = E_FAIL;
    hr("async/outlives its object", async->QueryStatus(&code, nullptr), S_OK);
    hr("enumerator/outlives its object", all->Reset(), S_OK);
    async.release();
    auto last = fresh();
    last->AddRef();
    number("components/one left", last->Release(), 1);
    (void)set;
}

static void async_arguments(const Volumes &volumes) {
    auto object = backup(VSS_CTX_FILE_SHARE_BACKUP);
    VSS_ID set = GUID_NULL, copy = GUID_NULL;
    check::must("StartSnapshotSet", object->StartSnapshotSet(&set));
    std::wstring volume = volumes[0];
    check::must("AddToSnapshotSet", object->AddToSnapshotSet(volume.data(), GUID_NULL, &copy));
    Ptr<IVssAsync> async;
    hr("async/begun", object->DoSnapshotSet(async.put()), S_OK);
    hr("async/QueryStatus without a place", async->QueryStatus(nullptr, nullptr), E_INVALIDARG);
    hr("async/Wait of no time", async->Wait(0), S_OK);
    hr("async/Wait", async->Wait(120000), S_OK);
    hr("async/Wait once more", async->Wait(INFINITE), S_OK);
    HRESULT code = E_FAIL;
    INT reserved = 77;
    hr("async/QueryStatus", async->QueryStatus(&code, &reserved), S_OK);
    hr("async/outcome", code, VSS_S_ASYNC_FINISHED);
    number("async/reserved", (unsigned)reserved, 0);
    hr("async/Cancel at the end", async->Cancel(), VSS_S_ASYNC_FINISHED);
}

// How many, and whether all strings of copies are there; they are freed.
static ULONG taken(VSS_OBJECT_PROP *some, ULONG fetched) {
    ULONG good = 0;
    for (ULONG i = 0; i < fetched; i++) {
        VSS_SNAPSHOT_PROP &p = some[i].Obj.Snap;
        if (some[i].Type == VSS_OBJECT_SNAPSHOT && p.m_pwszSnapshotDeviceObject) good++;
        free_properties(&p);
    }
    return good;
}

static void enumerator(const Volumes &volumes) {
    auto object = backup(VSS_CTX_FILE_SHARE_BACKUP);
    create_set(object.get(), volumes);
    ULONG count = (ULONG)volumes.size();
    Ptr<IVssEnumObject> all;
    hr("enum/Query", object->Query(GUID_NULL, VSS_OBJECT_NONE, VSS_OBJECT_SNAPSHOT, all.put()), S_OK);
    VSS_OBJECT_PROP some[8];
    ULONG fetched = 77;
    hr("enum/Next without a place", all->Next(1, nullptr, &fetched), E_POINTER);
    hr("enum/Next without a count", all->Next(1, some, nullptr), E_POINTER);
    hr("enum/Clone without a place", all->Clone(nullptr), E_POINTER);
    hr("enum/Next of none", all->Next(0, some, &fetched), S_OK);
    number("enum/none", fetched, 0);
    hr("enum/Next", all->Next(count, some, &fetched), S_OK);
    number("enum/all", fetched, count);
    number("enum/good", taken(some, fetched), count);
    hr("enum/Next at the end", all->Next(1, some, &fetched), S_FALSE);
    number("enum/none at the end", fetched, 0);
    hr("enum/Reset", all->Reset(), S_OK);
    hr("enum/Skip", all->Skip(1), S_OK);
    Ptr<IVssEnumObject> copy;
    hr("enum/Clone", all->Clone(copy.put()), S_OK);
    hr("enum/fewer than asked for", all->Next(8, some, &fetched), S_FALSE);
    number("enum/the rest", taken(some, fetched), count - 1);
    hr("enum/the clone has its own place", copy->Next(count - 1, some, &fetched), S_OK);
    number("enum/clone", taken(some, fetched), count - 1);
    hr("enum/Reset again", all->Reset(), S_OK);
    hr("enum/Skip past the end", all->Skip(count + 1), S_FALSE);
    hr("enum/Skip of none at the end", copy->Skip(0), S_OK);

    hr("enum/Query of providers",
       object->Query(GUID_NULL, VSS_OBJECT_NONE, VSS_OBJECT_PROVIDER, all.put()), S_OK);
    hr("enum/a provider", all->Next(1, some, &fetched), S_OK);
    VSS_PROVIDER_PROP &p = some[0].Obj.Prov;
    number("enum/a provider's type", some[0].Type, VSS_OBJECT_PROVIDER);
    is("enum/a provider's id", !IsEqualGUID(p.m_ProviderId, GUID_NULL));
    is("enum/a provider's name", p.m_pwszProviderName && *p.m_pwszProviderName);
    is("enum/a provider's version", p.m_pwszProviderVersion && *p.m_pwszProviderVersion);
    number("enum/a provider's kind", p.m_eProviderType, VSS_PROV_HARDWARE);
    CoTaskMemFree(p.m_pwszProviderName);
    CoTaskMemFree(p.m_pwszProviderVersion);
    // What a query may not ask for.
    auto asked = [&object](VSS_ID id, VSS_OBJECT_TYPE queried, VSS_OBJECT_TYPE returned) {
        Ptr<IVssEnumObject> none;
        return object->Query(id, queried, returned, none.put());
    };
    hr("enum/an id", asked(random_id(), VSS_OBJECT_NONE, VSS_OBJECT_SNAPSHOT), E_INVALIDARG);
    hr("enum/a type", asked(GUID_NULL, VSS_OBJECT_SNAPSHOT, VSS_OBJECT_SNAPSHOT), E_INVALIDARG);
    hr("enum/sets", asked(GUID_NULL, VSS_OBJECT_NONE, VSS_OBJECT_SNAPSHOT_SET), E_INVALIDARG);
    hr("enum/a wrong type", asked(GUID_NULL, VSS_OBJECT_NONE, (VSS_OBJECT_TYPE)99), E_INVALIDARG);
    // Nothing to be found.
    auto empty = backup(VSS_CTX_NAS_ROLLBACK);
    Ptr<IVssEnumObject> none;
    hr("enum/nothing", empty->Query(GUID_NULL, VSS_OBJECT_NONE, VSS_OBJECT_SNAPSHOT, none.put()),
       S_FALSE);
    is("enum/nothing/enumerator", none.get() != nullptr);
    if (none) hr("enum/nothing/Next", none->Next(1, some, &fetched), S_FALSE);
}

static void strings(const Volumes &volumes) {
    auto object = backup(VSS_CTX_FILE_SHARE_BACKUP);
    std::vector<Copy> copies;
    create_set(object.get(), volumes, &copies);
    VSS_SNAPSHOT_PROP p;
    memset(&p, 0xAA, sizeof p);
    hr("properties", object->GetSnapshotProperties(copies[0].id, &p), S_OK);
    free_properties(&p);
    is("properties/pointers are zero",
       !p.m_pwszSnapshotDeviceObject && !p.m_pwszOriginalVolumeName && !p.m_pwszOriginatingMachine &&
           !p.m_pwszServiceMachine && !p.m_pwszExposedName && !p.m_pwszExposedPath);
    check::id("properties/the rest stays", p.m_SnapshotId, copies[0].id);
    free_properties(&p);
    free_properties(nullptr);
    is("properties/freed twice", true);
    memset(&p, 0xAA, sizeof p);
    hr("properties/of nothing", object->GetSnapshotProperties(random_id(), &p),
       VSS_E_OBJECT_NOT_FOUND);
    is("properties/of nothing/null", !p.m_pwszSnapshotDeviceObject);
    Text document;
    hr("SaveAsXML", object->SaveAsXML(document.put()), S_OK);
    number("SaveAsXML/length", SysStringLen(document.get()), wcslen(document.get()));
    is("SaveAsXML/not empty", SysStringLen(document.get()) > 10);
    auto four = query<IVssBackupComponentsEx4>(object.get());
    wchar_t path[] = L"C:\\windows\\win.ini";
    VSS_PWSZ root = nullptr, prefix = nullptr;
    hr("GetRootAndLogicalPrefixPaths",
       four->GetRootAndLogicalPrefixPaths(path, &root, &prefix, FALSE), S_OK);
    is("root", root && !wcscmp(root, L"C:\\"));
    is("prefix", prefix && !wcscmp(prefix, L"C:\\"));
    CoTaskMemFree(root);
    CoTaskMemFree(prefix);
}

static const char *const EXPORTS[] = {
    "CreateVssBackupComponentsInternal",
    "CreateVssExamineWriterMetadataInternal",
    "CreateVssExpressWriterInternal",
    "CreateWriter",
    "CreateWriterEx",
    "GetProviderMgmtInterface",
    "GetProviderMgmtInterfaceInternal",
    "IsVolumeSnapshotted",
    "IsVolumeSnapshottedInternal",
    "ShouldBlockRevert",
    "ShouldBlockRevertInternal",
    "VssFreeSnapshotProperties",
    "VssFreeSnapshotPropertiesInternal",
    "DllCanUnloadNow",
    "DllGetClassObject",
    "?CreateVssBackupComponents@@YAJPEAPEAVIVssBackupComponents@@@Z",
    "?CreateVssExamineWriterMetadata@@YAJPEAGPEAPEAVIVssExamineWriterMetadata@@@Z",
};

static void exports(const Volumes &volumes) {
    for (auto name : EXPORTS) is(std::string("export/") + name, symbol(name) != nullptr);
    is("export/no such name", symbol("CreateVssNothing") == nullptr);
    using Create = HRESULT(STDAPICALLTYPE *)(IVssBackupComponents **);
    Ptr<IVssBackupComponents> object;
    hr("create by the mangled name",
       function<Create>("?CreateVssBackupComponents@@YAJPEAPEAVIVssBackupComponents@@@Z")(
           object.put()),
       S_OK);
    hr("create without a place", create_components(nullptr), E_INVALIDARG);
    using Snapshotted = HRESULT(STDAPICALLTYPE *)(VSS_PWSZ, BOOL *, LONG *);
    auto snapshotted = function<Snapshotted>("IsVolumeSnapshottedInternal");
    std::wstring volume = volumes[0];
    BOOL present = 77;
    LONG compatibility = 77;
    hr("IsVolumeSnapshotted/no", snapshotted(volume.data(), &present, &compatibility), S_OK);
    number("IsVolumeSnapshotted/no/present", present, FALSE);
    auto maker = backup(VSS_CTX_FILE_SHARE_BACKUP);
    create_set(maker.get(), volumes);
    hr("IsVolumeSnapshotted/yes", snapshotted(volume.data(), &present, &compatibility), S_OK);
    number("IsVolumeSnapshotted/yes/present", present, TRUE);
    hr("IsVolumeSnapshotted/no volume", snapshotted(nullptr, &present, &compatibility), E_INVALIDARG);
    hr("IsVolumeSnapshotted/no place", snapshotted(volume.data(), nullptr, &compatibility),
       E_INVALIDARG);
    using Block = HRESULT(STDAPICALLTYPE *)(LPCWSTR, bool *);
    bool blocked = true;
    hr("ShouldBlockRevert", function<Block>("ShouldBlockRevertInternal")(volume.c_str(), &blocked),
       S_OK);
    is("ShouldBlockRevert/no", !blocked);
}

// What a requester reads of a component: values, absent texts, lists, and no writing.
static void component_values(IVssComponent *one) {
    Text text;
    hr("component/GetBackupOptions", one->GetBackupOptions(text.put()), S_OK);
    is("component/options", std::wstring(text.get()) == L"o<p&");
    hr("component/GetBackupMetadata", one->GetBackupMetadata(text.put()), S_FALSE);
    is("component/no metadata", text.get() == nullptr);
    boolean flag = 77;
    hr("component/GetBackupSucceeded", one->GetBackupSucceeded(&flag), S_OK);
    number("component/succeeded", flag, 1);
    VSS_COMPONENT_TYPE type = VSS_CT_UNDEFINED;
    hr("component/GetComponentType", one->GetComponentType(&type), S_OK);
    number("component/type", type, VSS_CT_DATABASE);
    UINT count = 77;
    hr("component/GetPartialFileCount", one->GetPartialFileCount(&count), S_OK);
    number("component/partial files", count, 1);
    Text path, file, ranges, metadata;
    hr("component/GetPartialFile",
       one->GetPartialFile(0, path.put(), file.put(), ranges.put(), metadata.put()), S_OK);
    is("component/partial file", std::wstring(file.get()) == L"f" && metadata.get() == nullptr);
    hr("component/no second", one->GetPartialFile(1, path.put(), file.put(), ranges.put(), metadata.put()),
       VSS_E_OBJECT_NOT_FOUND);
    hr("component/GetNewTargetCount", one->GetNewTargetCount(&count), S_OK);
    Ptr<IVssWMFiledesc> target;
    hr("component/GetNewTarget", one->GetNewTarget(0, target.put()), S_OK);
    if (target) {
        hr("target/GetAlternateLocation", target->GetAlternateLocation(text.put()), S_OK);
        is("target/to", std::wstring(text.get()) == L"t");
        hr("target/GetRecursive", target->GetRecursive(&flag), S_OK);
        number("target/recursive", flag, 1);
    }
    hr("component/null", one->GetComponentName(nullptr), E_INVALIDARG);
    hr("component/SetBackupMetadata", one->SetBackupMetadata(L"x"), VSS_E_BAD_STATE);
    Ptr<IVssComponentEx2> ex2;
    hr("component/Ex2", one->QueryInterface(__uuidof(IVssComponentEx2), (void **)ex2.put()), S_OK);
    if (ex2) {
        VSS_ROLLFORWARD_TYPE roll = VSS_RF_UNDEFINED;
        hr("component/GetRollForward", ex2->GetRollForward(&roll, text.put()), S_OK);
        number("component/roll", roll, VSS_RF_PARTIAL);
        is("component/point", std::wstring(text.get()) == L"noon");
        HRESULT failure = 77, application = 77;
        DWORD reserved = 77;
        hr("component/GetFailure", ex2->GetFailure(&failure, &application, text.put(), &reserved), S_OK);
        hr("component/failure", failure, (HRESULT)0x800423f3);
        number("component/reserved", reserved, 0);
    }
}

// A loaded document with two writers (`document` is the text that the test wrote).
static void writers(const std::wstring &document) {
    auto object = fresh();
    Text xml(document.c_str());
    hr("writers/InitializeForRestore", object->InitializeForRestore(xml.get()), S_OK);
    UINT count = 77;
    hr("writers/count", object->GetWriterComponentsCount(&count), S_OK);
    number("writers/two", count, 2);
    for (UINT i = 0; i < 2; i++) {
        std::string name = "writers/" + std::to_string(i);
        IVssWriterComponentsExt *handed = nullptr;
        hr(name, object->GetWriterComponents(i, &handed), S_OK);
        if (!handed) continue;
        auto *both = reinterpret_cast<WriterComponentsExt *>(handed);
        IUnknown *unknown = both;
        number(name + "/IUnknown at", (char *)unknown - (char *)handed, sizeof(void *));
        UINT components = 0;
        hr(name + "/GetComponentCount", both->GetComponentCount(&components), S_OK);
        number(name + "/components", components, 1);
        VSS_ID instance = GUID_NULL, writer = GUID_NULL;
        hr(name + "/GetWriterInfo", both->GetWriterInfo(&instance, &writer), S_OK);
        is(name + "/writer", !IsEqualGUID(writer, GUID_NULL));
        Ptr<IVssComponent> component;
        hr(name + "/GetComponent", both->GetComponent(0, component.put()), S_OK);
        Text component_name;
        if (component) hr(name + "/name", component->GetComponentName(component_name.put()), S_OK);
        is(name + "/named", SysStringLen(component_name.get()) > 0);
        if (component && i == 0) component_values(component.get());
        fact("component", narrow(component_name.get()));
        hr(name + "/past the end", both->GetComponent(1, component.put()), VSS_E_OBJECT_NOT_FOUND);
        number(name + "/AddRef", unknown->AddRef(), 2);
        unknown->Release();
        number(name + "/Release", unknown->Release(), 0);
    }
    IVssWriterComponentsExt *none = static_cast<IVssWriterComponentsExt *>(RUBBISH);
    hr("writers/past the end", object->GetWriterComponents(2, &none), VSS_E_OBJECT_NOT_FOUND);
    is("writers/past the end/null", none == nullptr);
}

// A stored Writer Metadata Document.
static void metadata(const std::wstring &document) {
    using Examine = HRESULT(STDAPICALLTYPE *)(BSTR, IVssExamineWriterMetadata **);
    auto examine = function<Examine>("CreateVssExamineWriterMetadataInternal");
    Ptr<IVssExamineWriterMetadata> one;
    Text bad(L"<nothing/>"), xml(document.c_str());
    hr("metadata/no document", examine(nullptr, one.put()), E_INVALIDARG);
    hr("metadata/no place", examine(xml.get(), nullptr), E_INVALIDARG);
    hr("metadata/another document", examine(bad.get(), one.put()), VSS_E_INVALID_XML_DOCUMENT);
    hr("metadata", examine(xml.get(), one.put()), S_OK);
    if (!one) return;
    identity("metadata", one.get(),
             {__uuidof(IUnknown), __uuidof(IVssExamineWriterMetadata),
              __uuidof(IVssExamineWriterMetadataEx), __uuidof(IVssExamineWriterMetadataEx2)});
    VSS_ID instance, writer;
    Text name;
    VSS_USAGE_TYPE usage;
    VSS_SOURCE_TYPE source;
    hr("metadata/GetIdentity", one->GetIdentity(&instance, &writer, name.put(), &usage, &source), S_OK);
    fact("writer", narrow(name.get()));
    UINT include = 77, exclude = 77, components = 77;
    hr("metadata/GetFileCounts", one->GetFileCounts(&include, &exclude, &components), S_OK);
    number("metadata/no include files", include, 0);
    is("metadata/components", components > 0 && components != 77);
    Ptr<IVssWMComponent> component;
    hr("metadata/GetComponent", one->GetComponent(0, component.put()), S_OK);
    PVSSCOMPONENTINFO info = nullptr;
    if (component) {
        hr("metadata/GetComponentInfo", component->GetComponentInfo(&info), S_OK);
        if (info) {
            is("metadata/component's name", SysStringLen(info->bstrComponentName) > 0);
            number("metadata/a boolean", info->bSelectable & ~1, 0);
            number("metadata/log files", info->cLogFiles, 1);
            is("metadata/no caption", info->bstrCaption == nullptr);
            hr("metadata/FreeComponentInfo", component->FreeComponentInfo(info), S_OK);
        }
        Ptr<IVssWMFiledesc> file;
        hr("metadata/GetDatabaseLogFile", component->GetDatabaseLogFile(0, file.put()), S_OK);
        DWORD mask = 77;
        if (file) {
            hr("metadata/GetBackupTypeMask", file->GetBackupTypeMask(&mask), S_OK);
            number("metadata/mask", mask, 3855);
        }
        hr("metadata/no file", component->GetFile(0, file.put()), VSS_E_OBJECT_NOT_FOUND);
    }
    hr("metadata/past the end", one->GetComponent(components, component.put()),
       VSS_E_OBJECT_NOT_FOUND);
    Text again;
    hr("metadata/SaveAsXML", one->SaveAsXML(again.put()), S_OK);
    is("metadata/a document", SysStringLen(again.get()) > 10);
}

// A text file of ASCII, as the test wrote it.
static std::wstring contents(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) check::give_up(path, E_FAIL);
    std::wstring text;
    for (int c; (c = fgetc(file)) != EOF;) text += (wchar_t)c;
    fclose(file);
    return text;
}

int main(int argc, char **argv) {
    Apartment apartment;
    std::string what = argc > 1 ? argv[1] : "";
    if (what == "documents" && argc > 3) {
        writers(contents(argv[2]));
        metadata(contents(argv[3]));
        return check::done();
    }
    Volumes volumes = volumes_of(argc, argv, 2);
    if (what == "interfaces") interfaces(volumes);
    if (what == "operations") async_arguments(volumes);
    if (what == "enumerators") enumerator(volumes);
    if (what == "strings") strings(volumes);
    if (what == "exports") exports(volumes);
    return check::done();
}

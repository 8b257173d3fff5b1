// What calls cost: takes the time of as many as it is told, and tells the times in nanoseconds. Started by
// the benchmark. Argument: the port of a program on this machine that sends every byte back.
#include <winsock2.h>

#include "requester.h"

#include <chrono>

// More calls at a time than the clock of Wine is coarse (100 ns).
static const unsigned CALLS_AT_A_TIME = 100;

template <class F> static void measure(unsigned times, F call, unsigned calls = 1) {
    std::string all;
    for (unsigned i = 0; i < times; i++) {
        auto start = std::chrono::steady_clock::now();
        for (unsigned j = 0; j < calls; j++) call();
        std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
        all += " " + std::to_string(took.count() / calls);
    }
    fact("times", all);
}

// A connection to who sends every byte back.
class Echo {
    SOCKET socket_;

  public:
    explicit Echo(unsigned short port) {
        WSADATA data;
        if (WSAStartup(MAKEWORD(2, 2), &data)) check::give_up("WSAStartup", E_FAIL);
        socket_ = socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        BOOL at_once = TRUE;
        if (connect(socket_, reinterpret_cast<sockaddr *>(&address), sizeof address) ||
            setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, reinterpret_cast<char *>(&at_once),
                       sizeof at_once))
            check::give_up("connect", HRESULT_FROM_WIN32(WSAGetLastError()));
    }
    void call() {
        char byte = 1;
        if (send(socket_, &byte, 1, 0) != 1 || recv(socket_, &byte, 1, 0) != 1)
            check::give_up("echo", HRESULT_FROM_WIN32(WSAGetLastError()));
    }
};

static unsigned found;

static void list(IVssBackupComponents *object) {
    Ptr<IVssEnumObject> all;
    check::must("Query", object->Query(GUID_NULL, VSS_OBJECT_NONE, VSS_OBJECT_SNAPSHOT, all.put()));
    VSS_OBJECT_PROP one;
    ULONG fetched = 0;
    for (found = 0; all->Next(1, &one, &fetched) == S_OK; found++) free_properties(&one.Obj.Snap);
}

// A whole break, from the making of the object to its end.
static void break_set(const VSS_ID &set, LONG flags) {
    auto object = backup(VSS_CTX_ALL);
    auto extended = query<IVssBackupComponentsEx2>(object.get());
    Ptr<IVssAsync> async;
    check::must("BreakSnapshotSetEx", extended->BreakSnapshotSetEx(set, flags, async.put()));
    HRESULT code = outcome_of(async.get());
    if (code != VSS_S_ASYNC_FINISHED) check::give_up("break", code);
}

int main(int argc, char **argv) {
    Apartment apartment;
    if (argc < 2) return 2;
    Echo echo(static_cast<unsigned short>(strtoul(argv[1], nullptr, 10)));
    auto object = backup(VSS_CTX_ALL);
    for (;;) {
        std::string order = check::at("ready");
        char what[16] = "", which[64] = "";
        unsigned long number = 0;
        sscanf(order.c_str(), "%15s %lu %63s", what, &number, which);
        std::string name = what;
        if (name == "echo") {
            measure(number, [&] { echo.call(); });
        } else if (name == "border") {
            auto call = [&] { query<IVssBackupComponentsEx2>(object.get()); };
            measure(number, call, CALLS_AT_A_TIME);
        } else if (name == "object") {
            auto call = [] { check::must("Initialize", fresh()->InitializeForBackup(nullptr)); };
            measure(number, call);
        } else if (name == "query") {
            measure(number, [&] { list(object.get()); });
            fact("found", std::to_string(found));
        } else if (name == "break") {
            measure(1, [&] { break_set(id_of(which), static_cast<LONG>(number)); });
        } else {
            break;
        }
    }
    return check::done();
}

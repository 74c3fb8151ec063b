// Stands in for a child that an attacker has taken over: it starts as the child does, puts up the same walls, and then
// does one thing that it must not be able to do, named in /etc/holdfast/attempt. How it went it says in the log:
// "attempt NAME: refused: ..." or "attempt NAME: DONE". Where the kernel kills it, the parent has the last word.
#include "common/channel.hpp"
#include "common/event_loop.hpp"
#include "common/privileges.hpp"
#include "common/sandbox.hpp"
#include "tests/common/message_examples.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace holdfast;

namespace {

struct Surroundings {
  pid_t parent = 0;
  pid_t sibling = 0;
  pid_t nginx = 0;
};

pid_t process_named(const std::string& name) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "comm");
    std::string comm;
    if (std::getline(file, comm) && comm == name) return std::atoi(entry.path().filename().c_str());
  }
  return 0;
}

bool opens(const std::string& path, int flags = O_RDONLY) { return open(path.c_str(), flags | O_CLOEXEC, 0644) >= 0; }

bool reaches_unix_socket(int type, const char* path) {
  const int fd = socket(AF_UNIX, type, 0);
  if (fd < 0) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool reaches_tcp(std::uint16_t port, bool listening) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* where = reinterpret_cast<const sockaddr*>(&address);
  if (listening) return bind(fd, where, sizeof address) == 0 && listen(fd, 1) == 0;
  return connect(fd, where, sizeof address) == 0;
}

bool runs_code_that_it_wrote() {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
}

bool executes(const char* path) {
  char* const argv[] = {const_cast<char*>(path), nullptr};
  execve(path, argv, nullptr);
  return false;
}

// True: it was possible.
using Attempt = std::function<bool()>;

std::map<std::string, Attempt> attempts_from(const Surroundings& around) {
  const rlimit more{1u << 30, 1u << 30};
  const sched_param urgent{99};
  return {
      {"read-shadow", [] { return opens("/etc/shadow"); }},
      {"read-configuration", [] { return opens("/etc/holdfast/holdfast.yaml"); }},
      {"read-home", [] { return opens("/var/tmp/for-all-to-read"); }},
      {"read-memory-of-parent", [=] { return opens("/proc/" + std::to_string(around.parent) + "/mem"); }},
      {"read-environment-of-sibling", [=] { return opens("/proc/" + std::to_string(around.sibling) + "/environ"); }},
      {"list-files", [] { return opens("/", O_DIRECTORY); }},
      {"write-file", [] { return opens("/tmp/written", O_WRONLY | O_CREAT); }},
      {"write-existing-file", [] { return opens("/var/tmp/for-all-to-write", O_WRONLY | O_APPEND); }},
      {"truncate-file", [] { return truncate("/var/tmp/for-all-to-write", 0) == 0; }},
      {"make-folder", [] { return mkdir("/tmp/made", 0777) == 0; }},
      {"remove-file", [] { return unlink("/var/tmp/for-all-to-write") == 0; }},
      {"rename-file", [] { return rename("/var/tmp/for-all-to-write", "/var/tmp/renamed") == 0; }},
      {"make-link", [] { return symlink("/etc/passwd", "/tmp/linked") == 0; }},
      {"change-mode", [] { return chmod("/var/tmp/for-all-to-write", 0777) == 0; }},
      {"memory-file", [] { return syscall(SYS_memfd_create, "code", 0) >= 0; }},
      {"raw-socket", [] { return socket(AF_INET, SOCK_RAW, 112) >= 0; }},
      {"packet-socket", [] { return socket(AF_PACKET, SOCK_RAW, 0) >= 0; }},
      {"firewall", [] { return socket(AF_NETLINK, SOCK_RAW, 12 /* NETLINK_NETFILTER */) >= 0; }},
      {"bluetooth-socket", [] { return socket(AF_BLUETOOTH, SOCK_RAW, 0) >= 0; }},
      {"system-bus", [] { return reaches_unix_socket(SOCK_STREAM, "/run/dbus/system_bus_socket"); }},
      {"service-manager", [] { return reaches_unix_socket(SOCK_DGRAM, "/run/dbus/notify"); }},
      {"listen-for-tcp", [] { return reaches_tcp(4444, true); }},
      {"signal-parent", [=] { return kill(around.parent, SIGTERM) == 0; }},
      {"signal-sibling", [=] { return kill(around.sibling, SIGKILL) == 0; }},
      {"signal-all", [] { return kill(-1, SIGKILL) == 0; }},
      {"signal-by-descriptor",
       [=] {
         const long fd = syscall(SYS_pidfd_open, around.sibling, 0);
         return fd >= 0 && syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0) == 0;
       }},
      {"trace-parent", [=] { return ptrace(PTRACE_ATTACH, around.parent, nullptr, nullptr) == 0; }},
      {"trace-sibling", [=] { return ptrace(PTRACE_SEIZE, around.sibling, nullptr, nullptr) == 0; }},
      {"trace-itself", [] { return ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0; }},
      {"execute", [] { return executes("/bin/true"); }},
      {"fork", [] { return fork() >= 0; }},
      {"become-root", [] { return setuid(0) == 0; }},
      {"become-sibling", [] { return setresuid(60998, 60998, 60998) == 0; }},
      {"new-namespace", [] { return unshare(CLONE_NEWUSER) == 0; }},
      {"mount", [] { return mount("none", "/mnt", "tmpfs", 0, nullptr) == 0; }},
      {"write-code", runs_code_that_it_wrote},
      {"load-bpf", [] { return syscall(SYS_bpf, 0, nullptr, 0) >= 0; }},
      {"io-uring", [] { return syscall(SYS_io_uring_setup, 1, nullptr) >= 0; }},
      {"user-faults", [] { return syscall(SYS_userfaultfd, 0) >= 0; }},
      {"keyring", [] { return syscall(SYS_keyctl, 0, -3, 1) >= 0; }},
      {"raise-limit", [=] { return setrlimit(RLIMIT_NOFILE, &more) == 0; }},
      {"limit-parent", [=] { return prlimit(around.parent, RLIMIT_NOFILE, &more, nullptr) == 0; }},
      {"raise-scheduling", [=] { return sched_setscheduler(0, SCHED_FIFO, &urgent) == 0; }},
      {"be-dumpable", [] { return syscall(SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0) == 0; }},
      {"old-calls",
       [] {
#ifdef __x86_64__
         long result = 0;  // getpid() as a 32-bit program asks: another table of calls
         asm volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
         return result > 0;
#else
         errno = ENOSYS;
         return false;
#endif
       }},
  };
}

// Whole sentences that the parent does not expect now: the N-th of a kind, or bytes that are no message at all.
template <class Own, class Other>
bool is_message(const std::string& attempt, const std::function<void(const std::vector<std::uint8_t>&)>& send_bytes) {
  const auto number = static_cast<std::size_t>(std::atoi(attempt.substr(attempt.find('-') + 1).c_str()));
  const auto encoded = [&](const auto& examples) {
    std::vector<std::uint8_t> bytes;
    encode(examples[number % examples.size()], bytes);
    return bytes;
  };
  if (attempt.starts_with("message-")) {
    send_bytes(encoded(test::examples_of(Own{})));
  } else if (attempt.starts_with("foreign-")) {
    send_bytes(encoded(test::examples_of(Other{})));
  } else if (attempt.starts_with("damaged-")) {
    auto bytes = encoded(test::examples_of(Own{}));
    if (bytes.size() > 1)
      bytes.resize(bytes.size() - 1);
    else
      bytes[0] = 0xff;
    send_bytes(bytes);
  } else if (attempt == "garbage") {
    std::mt19937 random(1);
    for (int i = 0; i < 1000; ++i) {
      std::vector<std::uint8_t> bytes(1 + random() % 2000);
      for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
      send_bytes(bytes);
    }
  } else if (attempt == "empty") {
    send_bytes({});
  } else if (attempt == "huge") {
    send_bytes(std::vector<std::uint8_t>(150'000, 1));
  } else if (attempt == "flood") {
    std::vector<std::uint8_t> line;
    encode(Own{Logged{LogLevel::error, "xxxx"}}, line);
    for (int i = 0; i < 20'000; ++i) send_bytes(line);
  } else {
    return false;
  }
  return true;
}

template <class Out, class In>
class Intruder {
 public:
  using Confine = std::function<Status(const std::vector<CheckSpec>&)>;

  Intruder(EventLoop& loop, std::string attempt, std::map<std::string, Attempt> attempts, Confine confine)
      : loop_(loop),
        attempt_(std::move(attempt)),
        attempts_(std::move(attempts)),
        confine_(std::move(confine)),
        channel_(loop, Fd(child_channel_fd),
                 {[this](In&& message) { std::visit([this](auto&& m) { on(m); }, message); },
                  [this](const std::string&) { loop_.exit(0); }}) {
    channel_.send(ChildReady{effective_capabilities()});
  }

 private:
  void on(const ConfigureCheck& m) { checks_.push_back(m.check); }
  void on(const CommitConfig& m) {
    channel_.send(ConfigApplied{m.generation});
    if (confine_) {
      const Status confined = std::exchange(confine_, nullptr)(checks_);
      if (!confined) return say("NOT CONFINED: " + confined.error().text);
    }
    // A VRRP child that dies five times in a row ends the parent: leave the test time to look at it.
    timer_.arm(loop_.now() + std::chrono::milliseconds(std::is_same_v<Out, VrrpToParent> ? 300 : 0));
  }
  void act() {
    const auto send_bytes = [](const std::vector<std::uint8_t>& bytes) {
      send(child_channel_fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    };
    using Other = std::conditional_t<std::is_same_v<Out, VrrpToParent>, CheckerToParent, VrrpToParent>;
    if (is_message<Out, Other>(attempt_, send_bytes)) return say("sent");
    const auto chosen = attempts_.find(attempt_);
    if (chosen == attempts_.end()) return say("UNKNOWN");
    errno = 0;
    const bool done = chosen->second();
    say(done ? "DONE" : std::string("refused: ") + std::strerror(errno));
  }
  void on(const RequestReports& m) { channel_.send(ReportsDone{m.serial}); }
  void on(const Ping& m) { channel_.send(Pong{m.serial}); }
  void on(const Shutdown&) { loop_.exit(0); }
  template <class Message>
  void on(const Message&) {}

  void say(const std::string& how) { channel_.send(Logged{LogLevel::warning, "attempt " + attempt_ + ": " + how}); }

  EventLoop& loop_;
  std::string attempt_;
  std::map<std::string, Attempt> attempts_;
  Confine confine_;
  std::vector<CheckSpec> checks_;
  Timer timer_{loop_, [this] { act(); }};
  Channel<Out, In> channel_;
};

}  // namespace

int main(int, char** argv) {
  const bool vrrp = std::string(argv[0]).starts_with("holdfast-vrrp");
  std::ifstream file("/etc/holdfast/attempt");
  std::string attempt;
  std::getline(file, attempt);
  // Both are told to the intruder, so that one has to be waited for.
  Surroundings around{getppid(), process_named(vrrp ? "holdfast-checke" : "holdfast-vrrp"), process_named("nginx")};
  if (around.sibling == 0) around.sibling = around.parent;
  forbid_core_dumps();
  const std::vector<cap_value_t> kept =
      vrrp ? std::vector<cap_value_t>{CAP_NET_ADMIN, CAP_NET_RAW} : std::vector<cap_value_t>{};
  if (!verify_privileges(kept)) return 1;

  if (attempt == "list") {  // the names of all, for the test
    for (const auto& [name, _] : attempts_from(around)) std::fprintf(stderr, "can try %s\n", name.c_str());
  }
  EventLoop loop;
  if (vrrp) {
    Intruder<VrrpToParent, ParentToVrrp> intruder(loop, attempt, attempts_from(around),
                                                  [](const auto&) { return confine_vrrp(); });
    return loop.run();
  }
  Intruder<CheckerToParent, ParentToChecker> intruder(
      loop, attempt, attempts_from(around), [](const auto& checks) { return confine_checker(rights_needed(checks)); });
  return loop.run();
}

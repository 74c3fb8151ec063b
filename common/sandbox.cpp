#include "common/sandbox.hpp"

#include "common/fd.hpp"
#include "common/landlock.hpp"
#include "common/log.hpp"

#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace holdfast {
namespace {

// Sanitizers need system calls of their own: with them a violation is logged only.
#ifdef HOLDFAST_SANITIZED
constexpr bool enforced = false;
#else
constexpr bool enforced = true;
#endif

struct ReleaseFilter {
  void operator()(scmp_filter_ctx filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, ReleaseFilter>;

// What every program does in its loop: time, memory, signals, and the descriptors that it has.
constexpr std::initializer_list<int> everyday{
    SCMP_SYS(brk),
    SCMP_SYS(capget),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(fcntl),
    SCMP_SYS(fstat),
    SCMP_SYS(futex),
    SCMP_SYS(getcpu),
    SCMP_SYS(getegid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getpid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getuid),
    SCMP_SYS(lseek),
    SCMP_SYS(madvise),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(pread64),
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(setsockopt),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(signalfd4),
    SCMP_SYS(sysinfo),
    SCMP_SYS(time),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(uname),
    SCMP_SYS(write),
    SCMP_SYS(writev),
};

// To look at files and folders; what may be opened is Landlock's matter.
constexpr std::initializer_list<int> looking{
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(fstatfs),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(inotify_add_watch),
    SCMP_SYS(inotify_init1),
    SCMP_SYS(inotify_rm_watch),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(stat),
    SCMP_SYS(statfs),
    SCMP_SYS(statx),
};

// To connect, and to look names up in threads of the own process.
constexpr std::initializer_list<int> connecting{
    SCMP_SYS(bind),      SCMP_SYS(clock_nanosleep), SCMP_SYS(connect),  SCMP_SYS(getpeername), SCMP_SYS(getppid),
    SCMP_SYS(nanosleep), SCMP_SYS(set_tid_address), SCMP_SYS(shutdown), SCMP_SYS(times),
};

// A list of allowed calls in the making; the first rule that the library does not take is remembered.
class Calls {
 public:
  Calls() : filter_(seccomp_init(enforced ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_LOG)) {
    if (!filter_) {
      failure_ = -ENOMEM;
      return;
    }
    keep(seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_TSYNC, 1));
    keep(seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_LOG, 1));
    // A decision in few steps however long the list is: it is asked for each packet.
    keep(seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));
  }

  void allow(std::initializer_list<int> calls) {
    for (const int call : calls) add(SCMP_ACT_ALLOW, call, {});
  }
  void allow(int call, std::initializer_list<scmp_arg_cmp> where) { add(SCMP_ACT_ALLOW, call, where); }
  // Not killed for: libraries try it, and do without.
  void refuse(int error, std::initializer_list<int> calls) {
    for (const int call : calls) refuse(error, call, {});
  }
  void refuse(int error, int call, std::initializer_list<scmp_arg_cmp> where) {
    if (enforced)
      add(SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error)), call, where);
    else
      add(SCMP_ACT_ALLOW, call, where);
  }

  // From here on.
  Status enforce() {
    if (failure_ == 0) keep(seccomp_load(filter_.get()));
    if (failure_ == 0) return {};
    return Error{std::string("the kernel does not take the list of allowed system calls: ") + std::strerror(-failure_)};
  }

 private:
  void add(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> where) {
    if (failure_ != 0) return;
    keep(seccomp_rule_add_array(filter_.get(), action, call, static_cast<unsigned>(where.size()), where.begin()));
  }
  void keep(int result) {
    if (result < 0 && failure_ == 0) failure_ = result;
  }

  Filter filter_;
  int failure_ = 0;
};

scmp_arg_cmp equals(unsigned argument, std::uint64_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }
scmp_arg_cmp masked(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

void allow_basics(Calls& calls) {
  calls.allow(everyday);
  calls.allow(SCMP_SYS(prctl), {equals(0, PR_SET_NAME)});
  calls.allow(SCMP_SYS(prctl), {equals(0, PR_GET_SECCOMP)});
  calls.allow(SCMP_SYS(prctl), {equals(0, PR_CAPBSET_READ)});
  // abort() ends the own process and no other.
  calls.allow(SCMP_SYS(tgkill), {equals(0, static_cast<std::uint64_t>(getpid()))});
  // The own limits are asked for, and never changed.
  calls.allow(SCMP_SYS(prlimit64), {equals(0, 0), equals(2, 0)});
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) calls.allow(call, {masked(2, PROT_EXEC, 0)});
}

// Code comes from libraries only: memory is never writable and executable at once.
void allow_libraries(Calls& calls) {
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
    calls.allow(call, {masked(2, PROT_EXEC | PROT_WRITE, PROT_EXEC)});
  }
}

// Threads, never processes. The newer call hides its flags in memory: the C library then takes the older one.
void allow_threads(Calls& calls) {
  calls.allow(SCMP_SYS(clone), {masked(0, CLONE_THREAD, CLONE_THREAD)});
  calls.refuse(ENOSYS, {SCMP_SYS(clone3)});
}

void allow_reading(Calls& calls) {
  calls.allow(looking);
  constexpr std::uint64_t changing = O_ACCMODE | O_CREAT | O_TRUNC;
  calls.allow(SCMP_SYS(open), {masked(1, changing, O_RDONLY)});
  calls.allow(SCMP_SYS(openat), {masked(2, changing, O_RDONLY)});
  for (const std::uint64_t bit : std::initializer_list<std::uint64_t>{O_WRONLY, O_RDWR, O_CREAT, O_TRUNC}) {
    calls.refuse(EACCES, SCMP_SYS(open), {masked(1, bit, bit)});
    calls.refuse(EACCES, SCMP_SYS(openat), {masked(2, bit, bit)});
  }
}

void allow_internet(Calls& calls, std::initializer_list<std::uint64_t> types) {
  constexpr std::uint64_t kind = 0xf;  // the rest are flags
  for (const std::uint64_t family : std::initializer_list<std::uint64_t>{AF_INET, AF_INET6}) {
    for (const std::uint64_t type : types) {
      calls.allow(SCMP_SYS(socket), {equals(0, family), masked(1, kind, type)});
    }
  }
}

void allow_connecting(Calls& calls, bool unix_sockets) {
  calls.allow(connecting);
  // Which interface a link-local address is on; nothing else, such as whether a file is a terminal.
  calls.allow(SCMP_SYS(ioctl), {equals(1, SIOCGIFINDEX)});
  calls.refuse(ENOTTY, SCMP_SYS(ioctl), {{1, SCMP_CMP_NE, SIOCGIFINDEX, 0}});
  allow_internet(calls, {SOCK_STREAM, SOCK_DGRAM});
  calls.allow(SCMP_SYS(socket),
              {equals(0, AF_NETLINK), equals(2, NETLINK_ROUTE)});  // name lookups ask which addresses there are
  calls.allow(SCMP_SYS(socketpair), {equals(0, AF_UNIX)});
  if (unix_sockets)
    calls.allow(SCMP_SYS(socket), {equals(0, AF_UNIX)});
  else
    calls.refuse(EAFNOSUPPORT, SCMP_SYS(socket), {equals(0, AF_UNIX)});
  allow_threads(calls);
}

// What name lookups and TLS read, and the libraries that they load.
const std::vector<std::string> network_files{
    "/etc", "/usr", "/lib", "/lib64", "/run", "/var/lib/ca-certificates", "/dev/null", "/dev/urandom"};

// The uppermost folder above a path: what is below, such as /run/nginx, may be made anew whenever the service starts.
// None where that is everything.
std::optional<std::string> lasting_folder(const std::string& path) {
  std::error_code failure;
  std::filesystem::path known = std::filesystem::weakly_canonical(path, failure);
  if (failure) known = path;
  const std::filesystem::path below_root = known.relative_path();
  if (below_root.empty()) return std::nullopt;
  return "/" + below_root.begin()->string();
}

bool is_refused(int descriptor, int wanted_error) {
  const int error = errno;
  const Fd opened(descriptor);
  return !opened && error == wanted_error;
}

// Runs into the walls on purpose.
Status try_walls(bool landlocked, bool unix_sockets) {
  if (!enforced) return {};
  if (prctl(PR_GET_SECCOMP) != 2) return Error{"system calls are not filtered"};
  if (!unix_sockets && !is_refused(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), EAFNOSUPPORT)) {
    return Error{"Unix sockets are not refused"};
  }
  if (!is_refused(open("/", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600), EACCES)) {
    return Error{"files can still be written"};
  }
  if (landlocked && !is_refused(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), EACCES)) {
    return Error{"Landlock does not hold"};
  }
  return {};
}

Status confine(Calls& calls, const LandlockRules& rules, bool unix_sockets) {
  const auto landlocked = restrict_with_landlock(rules);
  if (!landlocked) return landlocked.error();
  if (!*landlocked) log(LogLevel::info, "this kernel has no Landlock: the files of this process are guarded less");
  if (const Status enforcing = calls.enforce(); !enforcing) return enforcing;
  return try_walls(*landlocked, unix_sockets);
}

}  // namespace

void forbid_core_dumps() { prctl(PR_SET_DUMPABLE, 0); }

Status confine_vrrp() {
  Calls calls;
  allow_basics(calls);
  calls.refuse(ENOTTY, {SCMP_SYS(ioctl)});
  allow_threads(calls);  // one, which renews leases
  calls.allow({SCMP_SYS(bind)});
  allow_internet(calls, {SOCK_DGRAM});  // each holds memberships in the group
  calls.allow(SCMP_SYS(socket), {equals(0, AF_NETLINK), equals(2, NETLINK_USERSOCK)});  // whether another owner lives
  calls.refuse(EAFNOSUPPORT, SCMP_SYS(socket), {equals(0, AF_UNIX)});
  calls.refuse(EACCES,
               {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(access),
                SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat)});
  calls.allow(SCMP_SYS(newfstatat), {masked(3, AT_EMPTY_PATH, AT_EMPTY_PATH)});  // what the C library makes of fstat
  return confine(calls, {}, false);
}

Status confine_checker(const CheckerRights& rights) {
  Calls calls;
  allow_basics(calls);
  allow_reading(calls);
  LandlockRules rules;
  if (rights.processes) rules.readable.push_back("/proc");
  for (const std::string& path : rights.readable) {
    if (const auto folder = lasting_folder(path)) rules.readable.push_back(*folder);
  }
  if (rights.network) {
    allow_libraries(calls);
    allow_connecting(calls, rights.unix_sockets);
    rules.connects = true;
    rules.abstract_sockets = rights.unix_sockets;
    rules.readable.insert(rules.readable.end(), network_files.begin(), network_files.end());
  } else {
    calls.refuse(EAFNOSUPPORT, {SCMP_SYS(socket)});
    calls.refuse(ENOTTY, {SCMP_SYS(ioctl)});
  }
  return confine(calls, rules, rights.network && rights.unix_sockets);
}

Status confine_notifier() {
  Calls calls;
  allow_basics(calls);
  allow_reading(calls);
  allow_libraries(calls);
  allow_connecting(calls, false);
  return confine(calls, {network_files, true, false}, false);
}

}  // namespace holdfast

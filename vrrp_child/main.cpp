// holdfast-vrrp: the child that speaks VRRP and owns the virtual addresses. Started by holdfastd only; with --sweep
// by the service manager after its end, however it ended.
#include "common/event_loop.hpp"
#include "common/log.hpp"
#include "common/privileges.hpp"
#include "common/sandbox.hpp"
#include "vrrp_child/address_holder.hpp"
#include "vrrp_child/memory_lock.hpp"
#include "vrrp_child/virtual_devices.hpp"
#include "vrrp_child/vrrp_process.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>
#include <utility>

using namespace holdfast;

namespace {

bool has_channel() {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(child_channel_fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

int fail(const std::string& text) {
  log(LogLevel::error, "holdfast-vrrp: " + text);
  return EXIT_FAILURE;
}

int run() {
  prctl(PR_SET_NAME, "holdfast-vrrp");  // exec'ed through a descriptor, which names nothing
  std::signal(SIGINT, SIG_IGN);         // Ctrl-C reaches the whole group; the parent tells us to leave
  forbid_core_dumps();
  if (const Status verified = verify_privileges({CAP_NET_ADMIN, CAP_NET_RAW}); !verified) {
    return fail("refusing to run: " + verified.error().text);
  }
  lock_memory();
  auto adverts = AdvertSocket::open(IpFamily::ipv4);
  if (!adverts) return fail(adverts.error().text);
  auto adverts_v6 = AdvertSocket::open(IpFamily::ipv6);  // a host may do without
  auto frames = FrameSocket::open();
  if (!frames) return fail(frames.error().text);
  auto claims = ClaimSocket::open();
  if (!claims) return fail(claims.error().text);
  auto netlink = Netlink::open();
  if (!netlink) return fail(netlink.error().text);

  EventLoop loop;
  if (const Status confined = confine_vrrp(); !confined) return fail("refusing to run: " + confined.error().text);
  VrrpProcess process(
      loop, Fd(child_channel_fd),
      {std::move(*adverts), std::move(adverts_v6), std::move(*frames), std::move(*claims), std::move(*netlink)});
  close_stderr();
  return loop.run();
}

// Addresses go by themselves when their lease ends, but sooner is better; devices of virtual MACs do not. Whatever a
// living process has on this host stays.
int sweep() {
  auto netlink = Netlink::open();
  if (!netlink) return fail(netlink.error().text);
  const std::size_t addresses = AddressHolder::sweep(**netlink);
  if (addresses > 0) log(LogLevel::notice, "removed virtual addresses that were left: " + std::to_string(addresses));
  const std::size_t devices = VirtualDevices::sweep(**netlink);
  if (devices > 0) log(LogLevel::notice, "removed devices of virtual MACs that were left: " + std::to_string(devices));
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--sweep") return sweep();
  if (!has_channel()) {
    std::fputs("holdfast-vrrp is a part of holdfastd and is started by it; run holdfastd instead.\n", stderr);
    return 2;
  }
  try {
    return run();
  } catch (const std::exception& failure) {
    return fail(failure.what());
  }
}

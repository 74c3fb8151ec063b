#include "cli/host.hpp"

#include "common/fd.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <vector>

namespace holdfast {

namespace {

std::string interface_name(unsigned index) {
  std::array<char, IF_NAMESIZE> name{};
  return ::if_indextoname(index, name.data()) == nullptr ? std::string() : std::string(name.data());
}

// The address in one answer of the kernel, if it is a permanent IPv4 address.
void add_address(const nlmsghdr& header, std::vector<OwnAddress>& addresses) {
  const auto* message = static_cast<const ifaddrmsg*>(NLMSG_DATA(&header));
  if (message->ifa_family != AF_INET || (message->ifa_flags & IFA_F_PERMANENT) == 0) return;
  auto left = static_cast<unsigned>(IFA_PAYLOAD(&header));
  for (const rtattr* attribute = IFA_RTA(message); RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type != IFA_LOCAL || RTA_PAYLOAD(attribute) != 4) continue;
    std::array<std::uint8_t, 4> bytes;
    std::memcpy(bytes.data(), RTA_DATA(attribute), bytes.size());
    addresses.push_back({IpAddr::from_bytes(bytes), interface_name(message->ifa_index)});
  }
}

// getifaddrs() would not tell a permanent address from one on lease.
std::vector<OwnAddress> permanent_addresses() {
  std::vector<OwnAddress> addresses;
  const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  struct {
    nlmsghdr header;
    ifaddrmsg message;
  } request{};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof(ifaddrmsg));
  request.header.nlmsg_type = RTM_GETADDR;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.message.ifa_family = AF_INET;
  if (!socket || ::send(socket.get(), &request, request.header.nlmsg_len, 0) < 0) return addresses;
  alignas(nlmsghdr) std::array<char, 32768> buffer;
  for (;;) {
    const ssize_t count = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (count <= 0) return addresses;
    auto left = static_cast<unsigned>(count);
    for (auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data()); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) return addresses;
      if (header->nlmsg_type == RTM_NEWADDR) add_address(*header, addresses);
    }
  }
}

}  // namespace

Host read_host() {
  Host host;
  if (auto* list = ::if_nameindex()) {
    for (const auto* entry = list; entry->if_name != nullptr; ++entry) host.interfaces.emplace_back(entry->if_name);
    ::if_freenameindex(list);
  }
  host.addresses = permanent_addresses();
  return host;
}

}  // namespace holdfast

#include "parent/child_users.hpp"

namespace holdfast {
namespace {

constexpr const char* package_vrrp_user = "holdfast-vrrp";
constexpr const char* package_checker_user = "holdfast-check";

}  // namespace

std::string display_name(const UserIds& user) { return user.name.empty() ? std::to_string(user.uid) : user.name; }

Result<ChildUsers> choose_child_users(const RuntimeConfig& runtime) {
  ChildUsers users;
  const auto unallocated = unallocated_users(4);
  std::size_t next = 0;
  std::string nameless;

  // A configured user must exist; the package's users may be missing.
  const auto choose = [&](const std::string& configured, const char* package_user, UserIds& chosen) -> Status {
    const auto found = look_up_user(configured.empty() ? package_user : configured);
    if (found) {
      chosen = *found;
    } else if (!configured.empty()) {
      return Error{"runtime.users: " + found.error().text + "; create it, or leave the key out"};
    } else if (next < unallocated.size()) {
      chosen = unallocated[next++];
      nameless +=
          (nameless.empty() ? "" : " and ") + std::string(package_user) + " (now " + std::to_string(chosen.uid) + ")";
    } else {
      return Error{"there is no user " + std::string(package_user) +
                   " and no free id to run as instead; create it: useradd --system " + package_user};
    }
    if (chosen.uid == 0 || chosen.gid == 0) {
      return Error{"runtime.users: the children must not run as root; name two ordinary users of their own"};
    }
    return {};
  };
  if (const Status chosen = choose(runtime.vrrp_user, package_vrrp_user, users.vrrp); !chosen) return chosen.error();
  if (const Status chosen = choose(runtime.checker_user, package_checker_user, users.checker); !chosen) {
    return chosen.error();
  }
  if (users.vrrp.uid == users.checker.uid) {
    return Error{"runtime.users: both children would run as '" + display_name(users.vrrp) +
                 "' and could signal each other; name two distinct users"};
  }
  // The last two were never chosen above: there are four.
  if (unallocated.size() < 4) return Error{"there are no free ids for scripts and notifications to run as"};
  users.scripts = unallocated[2];
  users.notifier = unallocated[3];
  if (!nameless.empty()) {
    users.notice = "running children as ids that belong to nobody, since there is no user " + nameless +
                   "; create it with systemd-sysusers or set runtime.users";
  }
  return users;
}

}  // namespace holdfast

#include "common/privileges.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace holdfast {
namespace {

struct FreeCaps {
  void operator()(cap_t caps) const { cap_free(caps); }
};
using Caps = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCaps>;

Error failed(const char* what) { return Error{std::string(what) + ": " + std::strerror(errno)}; }

bool contains(const std::vector<cap_value_t>& list, cap_value_t cap) {
  return std::find(list.begin(), list.end(), cap) != list.end();
}

// Sets permitted and effective to exactly `caps`, and what may be inherited to `inheritable`.
Status set_capabilities(const std::vector<cap_value_t>& caps, const std::vector<cap_value_t>& inheritable) {
  const Caps wanted(cap_init());
  if (!wanted) return failed("cap_init");
  for (const cap_flag_t flag : {CAP_PERMITTED, CAP_EFFECTIVE, CAP_INHERITABLE}) {
    const auto& list = flag == CAP_INHERITABLE ? inheritable : caps;
    if (!list.empty() && cap_set_flag(wanted.get(), flag, static_cast<int>(list.size()), list.data(), CAP_SET) != 0) {
      return failed("cap_set_flag");
    }
  }
  if (cap_set_proc(wanted.get()) != 0) return failed("cap_set_proc");
  return {};
}

std::string name_of(cap_value_t cap) {
  const std::unique_ptr<char, decltype(&cap_free)> name(cap_to_name(cap), &cap_free);
  return name ? name.get() : std::to_string(cap);
}

}  // namespace

Result<UserIds> look_up_user(const std::string& name) {
  errno = 0;
  const passwd* entry = getpwnam(name.c_str());
  if (!entry) return Error{"there is no user '" + name + "' on this host"};
  return UserIds{entry->pw_uid, entry->pw_gid, name};
}

std::vector<UserIds> unallocated_users(std::size_t count) {
  // Below the range of systemd's dynamic users (61184), above what adduser gives to people.
  std::vector<UserIds> found;
  for (uid_t id = 60999; id > 60000 && found.size() < count; --id) {
    if (!getpwuid(id) && !getgrgid(id)) found.push_back({id, id, ""});
  }
  return found;
}

Status shed_privileges(const UserIds& user, const std::vector<cap_value_t>& kept) {
  for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; ++cap) {
    if (!contains(kept, cap) && cap_drop_bound(cap) != 0) return failed("cap_drop_bound");
  }
  if (setgroups(0, nullptr) != 0) return failed("setgroups");
  if (prctl(PR_SET_KEEPCAPS, 1) != 0) return failed("PR_SET_KEEPCAPS");
  if (setresgid(user.gid, user.gid, user.gid) != 0) return failed("setresgid");
  if (setresuid(user.uid, user.uid, user.uid) != 0) return failed("setresuid");
  if (const Status set = set_capabilities(kept, kept); !set) return set;
  for (const cap_value_t cap : kept) {
    if (cap_set_ambient(cap, CAP_SET) != 0) return failed("cap_set_ambient");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("PR_SET_NO_NEW_PRIVS");
  return {};
}

Status verify_privileges(const std::vector<cap_value_t>& kept) {
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return failed("PR_CAP_AMBIENT_CLEAR_ALL");
  if (getuid() == 0 || geteuid() == 0 || getgid() == 0 || getegid() == 0) {
    return Error{"this process still runs as root; it is started by holdfastd, not by hand"};
  }
  if (getgroups(0, nullptr) != 0) return Error{"this process still has supplementary groups"};
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return Error{"no_new_privs is not set"};
  const Caps now(cap_get_proc());
  if (!now) return failed("cap_get_proc");
  for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; ++cap) {
    const bool wanted = contains(kept, cap);
    for (const cap_flag_t flag : {CAP_PERMITTED, CAP_EFFECTIVE}) {
      cap_flag_value_t value = CAP_CLEAR;
      if (cap_get_flag(now.get(), cap, flag, &value) != 0) return failed("cap_get_flag");
      if ((value == CAP_SET) != wanted) {
        return Error{name_of(cap) + (wanted ? " is missing" : " was not dropped")};
      }
    }
    if (!wanted && cap_get_bound(cap) != 0) return Error{name_of(cap) + " is still in the bounding set"};
  }
  return {};
}

Status keep_capabilities(const std::vector<cap_value_t>& kept, Shedding shedding) {
  const Caps before(cap_get_proc());
  if (!before) return failed("cap_get_proc");
  std::vector<cap_value_t> wanted;
  for (const cap_value_t cap : kept) {
    cap_flag_value_t value = CAP_CLEAR;
    if (cap_get_flag(before.get(), cap, CAP_PERMITTED, &value) == 0 && value == CAP_SET) wanted.push_back(cap);
  }
  if (shedding == Shedding::for_ever) {
    for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; ++cap) {
      if (!contains(wanted, cap) && cap_get_bound(cap) == 1 && cap_drop_bound(cap) != 0)
        return failed("cap_drop_bound");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("PR_SET_NO_NEW_PRIVS");
  }
  if (const Status set = set_capabilities(wanted, {}); !set) return set;

  const Caps after(cap_get_proc());
  if (!after) return failed("cap_get_proc");
  for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; ++cap) {
    cap_flag_value_t value = CAP_CLEAR;
    if (cap_get_flag(after.get(), cap, CAP_PERMITTED, &value) != 0) return failed("cap_get_flag");
    if (value == CAP_SET && !contains(wanted, cap)) return Error{name_of(cap) + " was not dropped"};
    if (shedding == Shedding::for_ever && cap_get_bound(cap) != 0 && !contains(wanted, cap)) {
      return Error{name_of(cap) + " is still in the bounding set"};
    }
  }
  return {};
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<std::string> effective_capabilities() {
  std::vector<std::string> names;
  const Caps now(cap_get_proc());
  for (cap_value_t cap = 0; now && cap_get_bound(cap) >= 0; ++cap) {
    cap_flag_value_t value = CAP_CLEAR;
    if (cap_get_flag(now.get(), cap, CAP_EFFECTIVE, &value) == 0 && value == CAP_SET) names.push_back(name_of(cap));
  }
  return names;
}

}  // namespace holdfast

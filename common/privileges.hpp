// Who a process is and what it may do: shedding before the exec, verifying after it.
#pragma once

#include "common/result.hpp"

#include <sys/capability.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace holdfast {

struct UserIds {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;  // empty where the ids have no name
};

// The ids of a user known to the system.
Result<UserIds> look_up_user(const std::string& name);

// Two distinct ids that belong to nobody on this host, for when the package's users do not exist.
std::vector<UserIds> unallocated_users(std::size_t count);

// Between fork and exec, as root: becomes `user` without supplementary groups, keeps exactly `kept`
// across the exec (ambient), cuts the bounding set to it, and forbids regaining anything. Does not allocate.
Status shed_privileges(const UserIds& user, const std::vector<cap_value_t>& kept);

// In the exec'ed child: clears what only served the exec and checks that exactly `kept` is left, that
// the user is not root and that no_new_privs is set. The error says what is wrong.
Status verify_privileges(const std::vector<cap_value_t>& kept);

// What is left of a process that started as root and goes on as such: of its capabilities only those of `kept` that it
// has. For ever: what it executes can't have more either, not even by a set-user-id bit.
enum class Shedding { own, for_ever };
Status keep_capabilities(const std::vector<cap_value_t>& kept, Shedding shedding);

// Lets this process open as many descriptors as the hard limit allows.
void raise_descriptor_limit();

// The names of the effective capabilities of this process: "cap_net_raw", ...
std::vector<std::string> effective_capabilities();

}  // namespace holdfast

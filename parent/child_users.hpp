// As whom the children and check scripts run: distinct users, none of them root.
#pragma once

#include "common/config/model.hpp"
#include "common/privileges.hpp"
#include "common/result.hpp"

#include <string>

namespace holdfast {

struct ChildUsers {
  UserIds vrrp;
  UserIds checker;
  UserIds scripts;     // of checks that name no user: neither of the two, which they could signal
  std::string notice;  // something worth saying about the choice; may be empty
  UserIds notifier{};  // of the program that sends mails and webhooks: it holds their secrets
};

// runtime.users, else the package's users, else two ids that belong to nobody.
Result<ChildUsers> choose_child_users(const RuntimeConfig& runtime);

// "holdfast-vrrp", or "60999" where the id has no name.
std::string display_name(const UserIds& user);

}  // namespace holdfast

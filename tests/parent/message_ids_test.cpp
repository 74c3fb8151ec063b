// Every kind of journal entry has an explanation that `journalctl -x` can show.
#include "parent/message_ids.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

using namespace holdfast;

TEST_CASE("each message id is in the catalog, once") {
  std::ifstream file(SOURCE_DIR "/packaging/holdfast.catalog");
  std::stringstream catalog;
  catalog << file.rdbuf();
  const std::string text = catalog.str();
  std::set<std::string> seen;
  for (const char* id : {message_id::started,
                         message_id::stopping,
                         message_id::transition,
                         message_id::health_changed,
                         message_id::interface_changed,
                         message_id::restart_started,
                         message_id::restart_succeeded,
                         message_id::restart_failed,
                         message_id::restarts_exhausted,
                         message_id::child_died,
                         message_id::child_started,
                         message_id::conflict,
                         message_id::reloaded,
                         message_id::reload_failed,
                         message_id::drain_started,
                         message_id::restart_refused,
                         message_id::drained,
                         message_id::drain_failed,
                         message_id::resumed,
                         message_id::conflict_over,
                         message_id::notification_failed,
                         message_id::move_failed,
                         message_id::moved}) {
    const auto place = text.find("-- " + std::string(id) + "\nSubject: ");
    CHECK(place != std::string::npos);
    CHECK(text.find(id, place + 4) == std::string::npos);
    CHECK(seen.insert(id).second);
  }
}

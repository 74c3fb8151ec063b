#include "vrrp_child/core/conflicts.hpp"

#include <algorithm>

namespace holdfast {
namespace {

constexpr Duration first_pause = std::chrono::minutes(1);
constexpr Duration longest_pause = std::chrono::hours(1);
constexpr Duration shortest_memory = std::chrono::seconds(10);
constexpr Duration memory_of_claims = std::chrono::seconds(30);  // asked for as often as announcements are refreshed

}  // namespace

bool ConflictLog::lasts(const Entry& entry, Duration advert_interval, TimePoint now) {
  const Duration memory = entry.conflict.kind == ConflictKind::address_taken ? memory_of_claims : shortest_memory;
  return now - entry.last <= std::max(3 * advert_interval, memory);
}

bool ConflictLog::note(const Conflict& conflict, Duration advert_interval, TimePoint now) {
  auto& entry = entries_[static_cast<std::size_t>(conflict.kind)];
  if (!entry || !lasts(*entry, advert_interval, now)) {
    entry = Entry{conflict, now, now, 1, now + first_pause, first_pause};
    return true;
  }
  entry->conflict = conflict;
  entry->last = now;
  ++entry->count;
  if (now < entry->tell_at) return false;
  entry->pause = std::min(2 * entry->pause, longest_pause);
  entry->tell_at = now + entry->pause;
  return true;
}

std::vector<ConflictLog::Entry> ConflictLog::current(Duration advert_interval, TimePoint now) const {
  std::vector<Entry> result;
  for (const auto& entry : entries_) {
    if (entry && lasts(*entry, advert_interval, now)) result.push_back(*entry);
  }
  return result;
}

}  // namespace holdfast

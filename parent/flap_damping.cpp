#include "parent/flap_damping.hpp"

#include "parent/text.hpp"

#include <algorithm>

namespace holdfast {

void FlapDamping::set_longest(Duration longest) {
  longest_ = longest;
  if (longest_ == Duration::zero()) held_until_ = {};
}

void FlapDamping::on_up(TimePoint now) { up_since_ = now; }

void FlapDamping::on_down(TimePoint now) {
  falls_ = now - up_since_ < calm ? falls_ + 1 : 1;
  if (falls_ <= free_falls) return;
  Duration hold = first_hold;
  for (int i = free_falls + 1; i < falls_ && hold < longest_; ++i) hold *= 2;
  held_until_ = now + std::min(hold, longest_);
}

std::string FlapDamping::text(TimePoint now) const {
  return "went down " + counted(static_cast<std::size_t>(falls_), "time") + ", each time after less than " +
         readable(calm) + "; held down for another " +
         readable(std::chrono::ceil<std::chrono::seconds>(held_until_ - now));
}

}  // namespace holdfast

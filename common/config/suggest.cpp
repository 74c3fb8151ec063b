#include "common/config/suggest.hpp"

#include "common/config/problems.hpp"

#include <algorithm>

namespace holdfast {

namespace {

constexpr std::size_t longest_word = 64;
constexpr std::size_t most_candidates = 1000;
constexpr std::size_t longest_listing = 24;

char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter; }

// How many letters must be inserted, deleted, replaced or swapped with their neighbour to get from one word
// to the other. Case does not count.
std::size_t typing_errors(std::string_view from, std::string_view to) {
  std::vector<std::size_t> before_last;
  std::vector<std::size_t> last(to.size() + 1);
  for (std::size_t j = 0; j <= to.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= from.size(); ++i) {
    std::vector<std::size_t> row(to.size() + 1);
    row[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const bool same = lower(from[i - 1]) == lower(to[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped =
          i > 1 && j > 1 && lower(from[i - 1]) == lower(to[j - 2]) && lower(from[i - 2]) == lower(to[j - 1]);
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = std::move(last);
    last = std::move(row);
  }
  return last.back();
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > longest_word || known.size() > most_candidates) return {};
  const std::size_t allowed = std::clamp<std::size_t>(word.size() / 3, 1, 3);
  std::size_t best_errors = allowed + 1;
  std::string best;
  for (const std::string& candidate : known) {
    const auto [shorter, longer] = std::minmax({candidate.size(), word.size()});
    if (longer - shorter > allowed) continue;
    const std::size_t errors = typing_errors(word, candidate);
    if (errors < best_errors) {
      best_errors = errors;
      best = candidate;
    }
  }
  return best;
}

std::string hint_for(std::string_view word, const std::vector<std::string>& known, std::string_view lead) {
  const std::string best = nearest(word, known);
  if (!best.empty()) return "; did you mean " + quoted(best) + "?";
  if (known.empty() || known.size() > longest_listing) return {};
  std::string text = "; " + std::string(lead) + ": ";
  for (std::size_t i = 0; i < known.size(); ++i) text += (i > 0 ? ", " : "") + known[i];
  return text;
}

}  // namespace holdfast

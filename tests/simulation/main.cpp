// simulation: runs the real router tables of several hosts through seeded troubles and checks what must always
// hold; docs/simulation.md explains it.
#include "tests/simulation/judge.hpp"
#include "tests/simulation/world.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace holdfast::simulation;

namespace {

// One run in so many is made twice, to see that a seed decides everything.
constexpr std::uint64_t repeat_every = 256;
constexpr std::size_t most_listed = 20;

struct Outcome {
  World::Numbers numbers;
  std::optional<Violation> violation;
};

Outcome run(std::uint64_t seed, bool verbose = false) {
  World world(seed, verbose);
  if (verbose) fmt::print("{}", world.plan().to_text());
  Outcome outcome;
  try {
    world.run();
  } catch (const Violation& violation) {
    outcome.violation = violation;
  }
  outcome.numbers = world.numbers();
  return outcome;
}

int replay(std::uint64_t seed, bool verbose) {
  const Outcome outcome = run(seed, verbose);
  fmt::print("seed {}: {}\n", seed,
             outcome.violation ? "violated: " + outcome.violation->invariant + ": " + outcome.violation->what
                               : "all invariants hold");
  return outcome.violation ? 1 : 0;
}

class Batch {
 public:
  Batch(std::uint64_t first_seed, std::uint64_t runs, bool stop_at_first)
      : first_seed_(first_seed), end_(runs), stop_at_first_(stop_at_first) {}

  void work() {
    World::Numbers numbers;
    for (std::uint64_t i = next_++; i < end_; i = next_++) {
      const std::uint64_t seed = first_seed_ + i;
      Outcome outcome = run(seed);
      if (!outcome.violation && seed % repeat_every == 0 && run(seed).numbers.digest != outcome.numbers.digest) {
        outcome.violation = Violation{"not deterministic", "the same seed gave another run"};
      }
      numbers.add(outcome.numbers);
      if (outcome.violation) note(seed, *outcome.violation);
    }
    const std::lock_guard lock(mutex_);
    numbers_.add(numbers);
  }

  int report(double seconds) {
    for (std::size_t i = 0; i < std::min(failures_.size(), most_listed); ++i) {
      const auto& [seed, violation] = *std::next(failures_.begin(), static_cast<std::ptrdiff_t>(i));
      fmt::print("seed {}: violated: {}: {}\n", seed, violation.invariant, violation.what);
    }
    if (failures_.size() > most_listed) fmt::print("... and {} more\n", failures_.size() - most_listed);
    std::map<std::string, int> by_invariant;
    for (const auto& [seed, violation] : failures_) ++by_invariant[violation.invariant];
    for (const auto& [invariant, count] : by_invariant) fmt::print("{}: {} runs\n", invariant, count);
    fmt::print("faults:");
    for (int kind = 0; kind < fault_kinds; ++kind) {
      fmt::print(" {} {},", numbers_.faults[static_cast<std::size_t>(kind)], to_string(static_cast<FaultKind>(kind)));
    }
    const auto hours = std::chrono::duration_cast<std::chrono::hours>(numbers_.time).count();
    fmt::print(
        "\n{} runs from seed {}: {} failed; {} events, {} adverts, {} transitions, {} simulated hours in {:.1f} s; "
        "digest {:016x}\n",
        std::min(end_.load(), next_.load()), first_seed_, failures_.size(), numbers_.events, numbers_.adverts,
        numbers_.transitions, hours, seconds, numbers_.digest);
    return failures_.empty() ? 0 : 1;
  }

 private:
  void note(std::uint64_t seed, const Violation& violation) {
    const std::lock_guard lock(mutex_);
    failures_.emplace(seed, violation);
    // Those before it are still made: the first in order is wanted, not the first to be ready.
    if (stop_at_first_) end_ = std::min<std::uint64_t>(end_, seed - first_seed_);
  }

  std::uint64_t first_seed_;
  std::atomic<std::uint64_t> end_;
  bool stop_at_first_;
  std::atomic<std::uint64_t> next_{0};
  std::mutex mutex_;
  World::Numbers numbers_;
  std::map<std::uint64_t, Violation> failures_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Runs the router tables of 2 to 7 simulated hosts through seeded troubles and checks the invariants."};
  std::optional<std::uint64_t> seed;
  std::uint64_t first_seed = 1;
  std::uint64_t runs = 1000;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  bool verbose = false;
  bool stop_at_first = false;
  app.add_option("--seed", seed, "make this one run");
  app.add_flag("--verbose", verbose, "with --seed: print the plan and every event");
  app.add_option("--runs", runs, "make so many runs")->capture_default_str();
  app.add_option("--first-seed", first_seed, "seed of the first; the others count up")->capture_default_str();
  app.add_option("--jobs", jobs, "threads")->check(CLI::Range(1U, 1024U));
  app.add_flag("--stop-at-first", stop_at_first, "end when a run has failed");
  CLI11_PARSE(app, argc, argv);
  if (seed) return replay(*seed, verbose);

  const auto begin = std::chrono::steady_clock::now();
  Batch batch(first_seed, runs, stop_at_first);
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < jobs; ++i) threads.emplace_back([&] { batch.work(); });
  threads.clear();
  return batch.report(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}

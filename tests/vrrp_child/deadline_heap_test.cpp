#include "vrrp_child/core/deadline_heap.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>

using namespace holdfast;

TEST_CASE("an empty heap is never due") {
  DeadlineHeap heap;
  CHECK(heap.empty());
  CHECK(heap.earliest_due() == DeadlineHeap::never);
  heap.set(7, DeadlineHeap::never);
  CHECK(heap.empty());
}

TEST_CASE("the heap agrees with a sorted map whatever is set, moved and taken away") {
  DeadlineHeap heap;
  std::map<DeadlineHeap::Slot, TimePoint> model;
  std::mt19937 random(1);
  for (int step = 0; step < 20000; ++step) {
    const auto slot = static_cast<DeadlineHeap::Slot>(random() % 50);
    const auto due = random() % 4 == 0 ? DeadlineHeap::never : TimePoint(Duration(random() % 1000));
    heap.set(slot, due);
    if (due == DeadlineHeap::never)
      model.erase(slot);
    else
      model[slot] = due;

    REQUIRE(heap.empty() == model.empty());
    if (model.empty()) continue;
    const auto first = std::ranges::min_element(model, {}, [](const auto& entry) { return entry.second; });
    REQUIRE(heap.earliest_due() == first->second);
    REQUIRE(model.at(heap.earliest()) == first->second);
  }
}

// The earliest of many deadlines, one per slot: a binary heap that knows where each slot stands, so that
// moving a deadline costs O(log n) and never allocates once the slots exist. Pure.
#pragma once

#include "common/types.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace holdfast {

class DeadlineHeap {
 public:
  using Slot = std::uint32_t;
  static constexpr TimePoint never = TimePoint::max();

  bool empty() const { return heap_.empty(); }
  Slot earliest() const { return heap_.front().slot; }
  TimePoint earliest_due() const { return heap_.empty() ? never : heap_.front().due; }

  // Sets, moves or (never) takes away the deadline of a slot.
  void set(Slot slot, TimePoint due) {
    if (slot >= position_.size()) position_.resize(slot + 1, absent);
    std::size_t at = position_[slot];
    if (due == never) {
      if (at != absent) remove(at);
      return;
    }
    if (at == absent) {
      at = heap_.size();
      heap_.push_back({due, slot});
      position_[slot] = at;
    }
    heap_[at].due = due;
    settle(at);
  }

 private:
  struct Entry {
    TimePoint due;
    Slot slot;
  };
  static constexpr std::size_t absent = static_cast<std::size_t>(-1);

  void remove(std::size_t at) {
    position_[heap_[at].slot] = absent;
    const Entry last = heap_.back();
    heap_.pop_back();
    if (at == heap_.size()) return;
    put(at, last);
    settle(at);
  }
  void settle(std::size_t at) {
    while (at > 0 && heap_[at].due < heap_[(at - 1) / 2].due) at = swap(at, (at - 1) / 2);
    for (;;) {
      std::size_t child = 2 * at + 1;
      if (child >= heap_.size()) return;
      if (child + 1 < heap_.size() && heap_[child + 1].due < heap_[child].due) ++child;
      if (heap_[at].due <= heap_[child].due) return;
      at = swap(at, child);
    }
  }
  std::size_t swap(std::size_t a, std::size_t b) {
    const Entry moved = heap_[a];
    put(a, heap_[b]);
    put(b, moved);
    return b;
  }
  void put(std::size_t at, const Entry& entry) {
    heap_[at] = entry;
    position_[entry.slot] = at;
  }

  std::vector<Entry> heap_;
  std::vector<std::size_t> position_;  // of each slot in heap_
};

}  // namespace holdfast

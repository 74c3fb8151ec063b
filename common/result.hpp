// A value or the reason why there is none. Pure.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace holdfast {

// A sentence for a person: what went wrong and, where one is known, the mend.
struct Error {
  std::string text;
  bool operator==(const Error&) const = default;
};

template <class T, class E = Error>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  Result(E error) : held_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return held_.index() == 0; }
  T& operator*() { return std::get<0>(held_); }
  const T& operator*() const { return std::get<0>(held_); }
  T* operator->() { return &std::get<0>(held_); }
  const T* operator->() const { return &std::get<0>(held_); }
  const E& error() const { return std::get<1>(held_); }

 private:
  std::variant<T, E> held_;
};

// Success without a value, or the reason why not.
template <class E>
class [[nodiscard]] Result<void, E> {
 public:
  Result() = default;
  Result(E error) : failed_(true), error_(std::move(error)) {}

  explicit operator bool() const { return !failed_; }
  const E& error() const { return error_; }

 private:
  bool failed_ = false;
  E error_{};
};

using Status = Result<void, Error>;

}  // namespace holdfast

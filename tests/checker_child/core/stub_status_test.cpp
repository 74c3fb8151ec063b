#include "checker_child/core/stub_status.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace holdfast;

TEST_CASE("stub_status: nginx's page") {
  const std::string page =
      "Active connections: 12 \nserver accepts handled requests\n 1103 1102 4710 \nReading: 1 Writing: 2 Waiting: 9 \n";
  CHECK(parse_stub_status(page) == StubStatus{.active = 12, .reading = 1, .writing = 2, .waiting = 9});
  for (std::size_t size = 0; size + 4 < page.size(); ++size) CHECK_FALSE(parse_stub_status(page.substr(0, size)));
}

TEST_CASE("stub_status: anything else") {
  for (const char* text : {"", "<html>Active connections: 12", "Active connections: many",
                           "Active connections: -1 \nserver accepts handled requests\n 1 1 1 \nReading: 0 Writing: 1 "
                           "Waiting: 0",
                           "Active connections: 99999999999999999999 \nserver accepts handled requests\n 1 1 1 \n"
                           "Reading: 0 Writing: 1 Waiting: 0"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_stub_status(text));
  }
}

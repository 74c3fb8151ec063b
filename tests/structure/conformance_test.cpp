// docs/conformance.md keeps its promise: each requirement is there, and is shown by tests that name it, or the
// document says why we differ.
#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace {

const std::string source_dir = SOURCE_DIR;

// The requirements of RFC 9568, 5798 and 3768 and their errata, and what is worth knowing of peers.
const std::set<std::string> requirements = {
    "VX-PK-01", "VX-PK-02", "V3-PK-03", "V3-PK-04", "VX-TX-01", "VX-TX-02", "VX-TX-03", "V3-TX-04", "VX-TX-05",
    "V2-CK-01", "V3-CK-02", "V3-CK-03", "V3-CK-04", "VX-CK-05", "VX-TM-01", "V3-TM-02", "VX-SM-01", "VX-SM-02",
    "VX-SM-03", "VX-SM-04", "VX-SM-05", "V3-SM-06", "V2-SM-07", "VX-SM-08", "VX-SM-09", "VX-SM-10", "VX-SM-11",
    "VX-SM-12", "VX-SM-13", "VX-SM-14", "VX-SM-15", "VX-SM-16", "VX-SM-17", "VX-RX-01", "VX-RX-02", "VX-RX-03",
    "VX-RX-04", "VX-RX-05", "VX-RX-06", "V3-RX-07", "V3-RX-08", "V3-RX-09", "V2-RX-10", "V2-RX-11", "V3-RX-12",
    "V2-RX-13", "V3-RX-14", "VX-RX-15", "VX-RX-16", "V4-AN-01", "V6-AN-02", "V6-AN-03", "V4-AN-04", "VX-AN-05",
    "VX-AN-06", "VX-AN-07", "VX-AN-08", "V6-AN-09", "V6-AN-10", "V2-AU-01", "V2-AU-02", "VX-IX-01", "PX-01",
    "PX-02",    "PX-03",    "PX-04",    "PX-05",    "MG-01",
};

std::string text_of(const std::string& path) {
  std::ifstream in(source_dir + "/" + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Row {
  std::string holdfast;         // what it does
  std::set<std::string> tests;  // files below tests/
};

std::map<std::string, Row> rows() {
  static const std::regex pattern(R"(^\| ((?:VX|V2|V3|V4|V6|PX|MG)-[A-Z0-9-]+) \| [^|]+ \| ([^|]+) \|([^|]*)\|$)");
  static const std::regex file(R"(`([^`]+)`)");
  std::map<std::string, Row> result;
  std::istringstream in(text_of("docs/conformance.md"));
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, pattern)) continue;
    const std::string shown_by = match[3];
    Row& row = result[match[1]];
    row.holdfast = match[2];
    for (auto it = std::sregex_iterator(shown_by.begin(), shown_by.end(), file); it != std::sregex_iterator(); ++it) {
      row.tests.insert((*it)[1]);
    }
  }
  return result;
}

}  // namespace

TEST_CASE("the document has every requirement, and no other") {
  std::set<std::string> documented;
  for (const auto& [id, row] : rows()) documented.insert(id);
  CHECK(documented == requirements);
}

TEST_CASE("each requirement is shown by tests that name it, or there is a reason why not") {
  for (const auto& [id, row] : rows()) {
    INFO(id);
    const bool differs = row.holdfast.rfind("differs: ", 0) == 0;
    CHECK((differs || !row.tests.empty()));
    for (const std::string& test : row.tests) {
      INFO(test);
      CHECK(text_of("tests/" + test).find(id) != std::string::npos);
    }
  }
}

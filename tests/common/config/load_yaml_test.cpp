// The YAML around the configuration: what the parser would take wrongly or choke on.
#include "common/config/load.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace holdfast;

namespace {

const std::string instance = "instances:\n  w: {interface: eth0, vrid: 1, addresses: [192.0.2.1]}\n";

std::vector<std::string> remarks(const std::string& text) {
  std::vector<std::string> lines;
  for (const Diagnostic& diagnostic : parse_config(text, "f", {}).diagnostics) lines.push_back(to_string(diagnostic));
  return lines;
}

// The first remark: after a syntax error nothing else is known.
std::string first_remark(const std::string& text) {
  const auto lines = remarks(text);
  return lines.empty() ? "none" : lines.front();
}

std::size_t remark_count(const std::string& text) { return remarks(text).size(); }

bool loads(const std::string& text) { return parse_config(text, "f", {}).config.has_value(); }

}  // namespace

TEST_CASE("duplicate keys are errors, each with the line of the first") {
  CHECK(remarks(instance + "  w: {interface: eth1, vrid: 1, addresses: [192.0.2.1]}\n") ==
        std::vector<std::string>{"f:3:3: error: duplicate key `w`: it stands in line 2 already; keep one of them"});
  CHECK(first_remark("instances:\n  w: {interface: eth0, vrid: 1, vrid: 2, addresses: [192.0.2.1]}\n") ==
        "f:2:33: error: duplicate key `vrid`: it stands in line 2 already; keep one of them");
}

TEST_CASE("places count characters, whatever the encoding makes of them") {
  CHECK(first_remark("instances:\n  主机: {interface: eth0, vird: 1}\n") ==
        "f:2:3: error: instance `主机` has no `vrid`; add one, such as `vrid: 66`");
  CHECK(remarks("instances:\n  主机: {interface: eth0, vird: 1}\n").back() ==
        "f:2:25: error: unknown key `vird` in instance `主机`; did you mean `vrid`?");
}

TEST_CASE("line ends of Windows, a byte order mark and comments in Chinese are fine") {
  CHECK(
      loads("\xef\xbb\xbf# 虚拟地址\r\ninstances:\r\n  w:\r\n    interface: eth0  # 网卡\r\n    vrid: 1\r\n"
            "    addresses: [192.0.2.1]\r\n"));
  CHECK(loads("---\n" + instance + "...\n"));
}

TEST_CASE("nothing in the file") {
  for (const char* text : {"", "\n\n", "# only a comment\n", "---\n", "~", "\xef\xbb\xbf"}) {
    CAPTURE(text);
    CHECK(remarks(text) ==
          std::vector<std::string>{
              "f: error: the file is empty; a configuration needs at least one entry under `instances`"});
  }
}

TEST_CASE("something other than a map") {
  const std::string expected = " error: a configuration is a map: lines of `key: value`, first of all `instances:`";
  CHECK(first_remark("hello") == "f:1:1:" + expected);
  CHECK(first_remark("\n- a\n") == "f:2:1:" + expected);
}

TEST_CASE("bytes that are no text") {
  CHECK(first_remark("a: \xe4\n") == "f:1:4: error: not UTF-8; save the file in the encoding UTF-8");
  CHECK(first_remark("a: b\nc: \xc0\xaf\n") == "f:2:4: error: not UTF-8; save the file in the encoding UTF-8");
  CHECK(first_remark("a: \xed\xa0\x80\n") == "f:1:4: error: not UTF-8; save the file in the encoding UTF-8");
  CHECK(first_remark(std::string("\xff\xfe"
                                 "a\0",
                                 4)) == "f:1:1: error: not UTF-8; save the file in the encoding UTF-8");
  CHECK(first_remark(std::string("a: \0b", 5)) ==
        "f:1:4: error: a control character (byte 0), which no editor shows; delete it");
  CHECK(first_remark("a: 1\rb: 2\r") ==
        "f:1:5: error: a control character (byte 13), which no editor shows; delete it");
}

TEST_CASE("too large, too deep, too many") {
  CHECK(first_remark(std::string(1'048'577, '#')) ==
        "f: error: larger than 1 MiB, which no configuration is; check that this is the right file");
  const std::string deep =
      "nested more than 32 levels deep; no part of a configuration is, so check the brackets and the indentation";
  CHECK(first_remark("a: " + std::string(500'000, '[')).ends_with(deep));
  CHECK(first_remark("a: " + std::string(500'000, '{')).ends_with(deep));
  std::string dashes;
  for (int i = 0; i < 100'000; ++i) dashes += "- ";
  CHECK(first_remark(dashes).ends_with(deep));
  std::string laughs = "x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 20; ++i) {
    const std::string alias = "*a" + std::to_string(i - 1);
    laughs += "x-" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + alias;
    for (int j = 0; j < 9; ++j) laughs += ", " + alias;
    laughs += "]\n";
  }
  CHECK(first_remark(laughs).ends_with(
      "more than 100000 values, each alias counted as often as it is used; make the file smaller"));
}

TEST_CASE("anchors, aliases and merge keys work") {
  const auto loaded = parse_config(R"(x-base: &base {interface: eth0, vrid: 1, priority: 50}
x-list: &list [192.0.2.1]
instances:
  a:
    <<: *base
    priority: 60
    addresses: *list
  b:
    <<: [{vrid: 2}, *base]
    addresses: [192.0.2.2]
)",
                                   "f", {});
  for (const Diagnostic& diagnostic : loaded.diagnostics) FAIL_CHECK(to_string(diagnostic));
  REQUIRE(loaded.config);
  CHECK(loaded.config->instances[0].router.priority == Priority{60});
  CHECK(loaded.config->instances[1].router.priority == Priority{50});
  CHECK(loaded.config->instances[1].router.vrid == Vrid{2});
}

TEST_CASE("an alias of something that contains it") {
  CHECK(first_remark("x-a: &a [*a]\n") ==
        "f:1:10: error: this alias stands inside the very thing it names; write the value out");
  CHECK(first_remark("x-a: &a {<<: *a}\n") ==
        "f:1:14: error: this alias stands inside the very thing it names; write the value out");
}

TEST_CASE("what is said of faulty YAML") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"a: *b\n", "f:1:4: error: no anchor of this name stands above; define it with `&name` first"},
      {"x-a: {<<: 3}\n" + instance,
       "f:1:7: error: `<<` merges another map into this one; give it an alias of a map, `<<: *name`"},
      {"node: !!str 1\n" + instance,
       "f:1:7: error: tags such as `!!str` have no meaning here; remove the tag `tag:yaml.org,2002:str`"},
      {"a: 1\n---\nb: 2\n",
       "f:2:1: error: a second document begins here, and a configuration is one; if no `---` stands above, this line "
       "is "
       "indented less than the first one: give both the same indentation"},
      {"  a: 1\nb: 2\n",
       "f:2:1: error: a second document begins here, and a configuration is one; if no `---` stands above, this line "
       "is "
       "indented less than the first one: give both the same indentation"},
      {"a: b: c\n",
       "f:1:5: error: a colon where no key is expected; check the indentation, and put text that holds `: ` in quotes"},
      {"a:\n\t- b\n",
       "f:2:2: error: a list entry where none is expected; check that `- ` is indented with spaces, below its key"},
      {"a: \"b", "f:1:4: error: the quote opened in line 1 is never closed; write the closing quote behind its text"},
      {"a: \"b\n", "f:1:4: error: the quote opened in line 1 is never closed; write the closing quote behind its text"},
      {"a: \"b\\\"\nc: d\n",
       "f:1:4: error: the quote opened in line 1 is never closed; write the closing quote behind its text"},
      {"a: 'b''\nc: d\n",
       "f:1:4: error: the quote opened in line 1 is never closed; write the closing quote behind its text"},
      {"x-a: &a # \"\n  'b\n",
       "f:2:3: error: the quote opened in line 2 is never closed; write the closing quote behind its text"},
      {"a: [b\n", "f:2:1: error: the closing bracket `]` is missing"},
      {"a: @b\n", "f:1:4: error: a value can't begin with this character; put the value in quotes"},
      {": 1\n" + instance, "f:1:1: error: the key is missing; write it before the colon"},
      {"[a]: 1\n" + instance, "f:1:1: error: a key must be a plain word; a list or a map can't be one"},
  };
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    CHECK(first_remark(text) == expected);
  }
}

TEST_CASE("a quote without its partner is named where it opens") {
  const std::string head = "instances:\n  w:\n    interface: e\n    password: ";
  const std::string remark =
      "f:4:15: error: the quote opened in line 4 is never closed; write the closing quote behind its text";
  for (const char* rest : {"\"1111\n    vrid: 1\n", "\"1111\n    addresses: [\"10.0.0.1\"]\n", "'1\n    note: 'a'\n",
                           "'it''s # one\n    note: 'a'\n", "\"a\\\"\n    x: \"b\"\n"}) {
    CAPTURE(rest);
    CHECK(first_remark(head + rest) == remark);
  }
  // Whole quotes before another mistake are left alone: over two lines, behind an anchor, within a comment or a word.
  for (const char* whole : {"\"a\n      b\"", "&x 'a'", "a # \"", "don't", "[\"a\", 'b''c']", "{\"a\": \"b\"}"}) {
    CAPTURE(whole);
    CHECK(first_remark(head + whole + "\n    x: y: z\n").find("a colon where no key is expected") != std::string::npos);
  }
}

TEST_CASE("a key without its colon is named where it stands") {
  const std::string head = "instances:\n  w:\n    interface: e\n";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"    vrid 66\n    addresses: [10.0.0.1]\n", "f:4:5: error: `vrid 66` has no colon; write `vrid: 66`"},
      {"    vrid:66\n    addresses: [10.0.0.1]\n",
       "f:4:5: error: `vrid:66` has no blank behind the colon; write `vrid: 66`"},
      {"    vrid = 66   # ours\n    addresses: [10.0.0.1]\n",
       "f:4:5: error: `vrid = 66` has no colon; write `vrid: 66`"},
      {"    addresses:\n      - 10.0.0.1\n    vrid 66\n\n    # why\n    priority: 100\n",
       "f:6:5: error: `vrid 66` has no colon; write `vrid: 66`"},
      {"    addresses: [10.0.0.1]\n    vrid 66\n", "f:5:5: error: `vrid 66` has no colon; write `vrid: 66`"},
      {"    addresses: [10.0.0.1]\n    vrid:66\n",
       "f:5:5: error: `vrid:66` has no blank behind the colon; write `vrid: 66`"},
      {"    nopreempt\n    vrid: 1\n", "f:4:5: error: `nopreempt` is keepalived's; write `preempt: false`"},
      {"    preempt\n    vrid: 1\n", "f:4:5: error: `preempt` has no colon and no value; write `preempt: ...`"},
      {"    virtual_router_id 1\n    vrid: 1\n", "f:4:5: error: `virtual_router_id 1` is keepalived's; write `vrid`"},
  };
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    CHECK(first_remark(head + text) == expected);
    CHECK(remark_count(head + text) == 1);
  }
  CHECK(first_remark("instances:\n  w:\n    vrid 66\n    interface eth0\n") ==
        "f:3:5: error: instance `w` must be a map: lines of `key: value`, indented below it, with a colon and a blank "
        "between key and value");
}

TEST_CASE("a keepalived.conf is known for what it is") {
  for (const char* text :
       {"vrrp_instance VI_1 {\n  state MASTER\n}\n", "global_defs {\n}\n", "vrrp_script x\n{\n}\n"}) {
    CHECK(first_remark(text).starts_with(
        "f:1:1: error: this is a keepalived.conf, and Holdfast's configuration is YAML"));
    CHECK(remark_count(text) == 1);
  }
  CHECK(
      first_remark("! Configuration File for keepalived\r\n\r\n  # x\nvrrp_instance A {\n}\n").starts_with("f:4:1: "));
  CHECK(first_remark("vrrp_instance: {}\n" + instance).find("unknown key `vrrp_instance`") != std::string::npos);
}

TEST_CASE("a file that can't be read") {
  const auto remark = [](const std::string& path) {
    const auto loaded = load_config(path, {});
    REQUIRE(loaded.diagnostics.size() == 1);
    CHECK_FALSE(loaded.config);
    return to_string(loaded.diagnostics[0]);
  };
  CHECK(remark("/nowhere/x.yaml") == "/nowhere/x.yaml: error: there is no such file; create it, or name another");
  std::string folder = "/tmp/holdfast-config-XXXXXX";
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const std::string path = folder + "/holdfast.yaml";
  std::ofstream(path + ".example") << instance;
  CHECK(remark(path) ==
        path + ": error: there is no such file; copy " + path + ".example to it and edit that, or name another");
  std::filesystem::remove_all(folder);
  CHECK(remark("/") == "/: error: is no regular file; name the file itself");
  CHECK(remark("/dev/zero") == "/dev/zero: error: is no regular file; name the file itself");
}

TEST_CASE("a file is read from disk") {
  std::string path = "/tmp/holdfast-config-XXXXXX";
  const int fd = mkstemp(path.data());
  REQUIRE(fd >= 0);
  close(fd);
  std::ofstream(path) << instance;
  const auto loaded = load_config(path, {.node = "", .default_node = "host-a"});
  std::filesystem::remove(path);
  REQUIRE(loaded.config);
  CHECK(loaded.config->node == "host-a");
}

// `notify` and `move`: what they mean, and what is said of mistakes in them.
#include "common/config/load.hpp"
#include "common/config/message_template.hpp"
#include "common/config/notify_model.hpp"

#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

const std::string instances =
    "instances: {VI_1: {interface: eth0, vrid: 1, addresses: [10.0.0.1]}, VI_2: {interface: eth0, vrid: 2, addresses: "
    "[10.0.0.2]}}\n";

LoadedConfig load(const std::string& text) { return parse_config(text, "f", {.node = "", .default_node = "host"}); }

std::vector<NotifyTarget> targets(const std::string& notify) {
  const LoadedConfig loaded = load(instances + notify);
  for (const Diagnostic& diagnostic : loaded.diagnostics) FAIL_CHECK(to_string(diagnostic));
  REQUIRE(loaded.config);
  return loaded.config->notify;
}

Lines remarks(const std::string& text) {
  Lines lines;
  for (const Diagnostic& diagnostic : load(text).diagnostics) lines.push_back(to_string(diagnostic));
  return lines;
}

struct Files {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("notify_test." + std::to_string(getpid()));
  Files() { std::filesystem::create_directory(folder); }
  ~Files() { std::filesystem::remove_all(folder); }
  std::string write(const std::string& name, const std::string& text) {
    const auto path = folder / name;
    std::ofstream(path) << text;
    std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return path;
  }
};

}  // namespace

TEST_CASE("defaults of a command") {
  const auto all = targets("notify: {commands: [{command: [/a, b]}, {command: [c], name: pager}]}\n");
  REQUIRE(all.size() == 2);
  CHECK(all[0].name == "command-1");
  CHECK(all[0].on == std::vector{NotifyEvent::active, NotifyEvent::backup, NotifyEvent::fault, NotifyEvent::stop});
  CHECK(all[0].timeout == 30s);
  CHECK(all[0].instances.empty());
  CHECK(std::get<NotifyCommand>(all[0].how) == NotifyCommand{{"/a", "b"}, ""});
  CHECK(all[1].name == "pager");
}

TEST_CASE("mail, encrypted unless it says otherwise") {
  Files files;
  const std::string password = files.write("password", "s3cret\nmore\n");
  const std::string ca = files.write("ca", "-----BEGIN CERTIFICATE-----\n");
  const auto all =
      targets("notify: {email: [{to: [a@b, c@d], from: e@f, server: 'smtp://h', login: u, password_file: " + password +
              ", ca_file: " + ca +
              "}, {to: [a@b], from: e@f, server: 'smtps://h', instances: [VI_2], on: [check_up]}, {to: "
              "[a@b], from: e@f, server: 'smtp://[::1]:2525', tls: 'off', timeout: 1s}]}\n");
  REQUIRE(all.size() == 3);
  const auto& first = std::get<NotifyEmail>(all[0].how);
  CHECK(all[0].name == "email-1");
  CHECK(first.to == Lines{"a@b", "c@d"});
  CHECK(first.tls == NotifyEmail::Tls::starttls);
  CHECK(first.login == "u");
  CHECK(first.password == "s3cret");
  CHECK(first.ca == "-----BEGIN CERTIFICATE-----\n");
  CHECK(std::get<NotifyEmail>(all[1].how).tls == NotifyEmail::Tls::smtps);
  CHECK(all[1].instances == Lines{"VI_2"});
  CHECK(all[1].on == std::vector{NotifyEvent::check_up});
  CHECK(std::get<NotifyEmail>(all[2].how).tls == NotifyEmail::Tls::off);
  CHECK(all[2].timeout == 1s);
}

TEST_CASE("a webhook") {
  Files files;
  const std::string secret = files.write("secret", "abc\n");
  const std::string url = files.write("url", "https://h/token\n");
  const auto all = targets("notify: {webhook: {url_file: " + url +
                           ", headers: {X-Token: a b}, body: '{\"t\":\"{{text}}\"}', signature: {type: feishu, "
                           "secret_file: " +
                           secret + "}}}\n");
  REQUIRE(all.size() == 1);
  const auto& hook = std::get<NotifyWebhook>(all[0].how);
  CHECK(all[0].name == "webhook");
  CHECK(hook.url == "https://h/token");
  CHECK(hook.headers == std::vector<std::pair<std::string, std::string>>{{"X-Token", "a b"}});
  CHECK(hook.signature == NotifyWebhook::Signature::feishu);
  CHECK(hook.secret == "abc");
  const auto plain = std::get<NotifyWebhook>(targets("notify: {webhook: {url: 'http://h/'}}\n")[0].how);
  CHECK(plain.signature == NotifyWebhook::Signature::none);
  CHECK(check_template(plain.body));
}

TEST_CASE("a move makes addresses dispensable") {
  const auto loaded = load("instances: {w: {interface: eth0, vrid: 1, move: {command: [/mv], retry: 1s}}}");
  CHECK(loaded.diagnostics.empty());
  REQUIRE(loaded.config);
  MoveConfig expected;
  expected.argv = {"/mv"};
  expected.retry = 1s;
  CHECK(loaded.config->instances[0].move == expected);
}

// clang-format off
TEST_CASE("mistakes in notify") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"notify: {comands: []}", "2:10: error: unknown key `comands` in `notify`; did you mean `commands`?"},
      {"notify: {commands: []}", "2:20: error: `commands` is empty; write at least one entry, such as `[{name: command-1, ...}]`"},
      {"notify: {commands: [{}]}", "2:21: error: command `command-1` has no `command`; add one, such as `command: [/usr/local/bin/notify.sh]`"},
      {"notify: {commands: {command: notify.sh}}", "2:30: error: `command` must be a list, since no shell splits it; write `[notify.sh]`"},
      {"notify: {commands: {command: [a], on: [actve]}}", "2:40: error: `on` can't hold `actve`; did you mean `active`?"},
      {"notify: {commands: {command: [a], on: [MASTER]}}", "2:40: error: `on` can't hold `MASTER`; write `active`"},
      {"notify: {commands: {command: [a], on: [fault, fault]}}", "2:47: error: `on` holds `fault` twice; remove one of them"},
      {"notify: {commands: {command: [a], on: active}}", "2:39: error: `on` must be a list, such as `[active, fault]`, not `active`"},
      {"notify: {commands: {command: [a], instances: [VI_3]}}", "2:47: error: no instance is called `VI_3`; did you mean `VI_1`?"},
      {"notify: {commands: {command: [a], timeout: 20m}}", "2:44: error: `timeout` must be a duration from 100ms to 10m, not `20m`"},
      {"notify: {commands: {command: [a], name: a b}}", "2:41: error: a target can't be called `a b`; use 1 to 64 characters without blanks, such as `web-1`"},
      {"notify: {commands: [{command: [a], name: x}, {command: [a], name: x}]}", "2:67: error: another target is called `x` already; give each its own `name`"},
      {"notify: {email: {from: e@f, server: 'smtp://h'}}", "2:10: error: email `email` has no `to`; add one, such as `to: [ops@example.net]`"},
      {"notify: {email: {to: [a@b], server: 'smtp://h'}}", "2:10: error: email `email` has no `from`; add one, such as `from: holdfast@web-1.example.net`"},
      {"notify: {email: {to: [a@b], from: e@f}}", "2:10: error: email `email` has no `server`; add one, such as `server: smtp://mail.example.net:25`"},
      {"notify: {email: {to: ['A <a@b>'], from: e@f, server: 'smtp://h'}}", "2:23: error: an address in `to` can't be `A <a@b>`; write a plain mail address, such as `ops@example.net`, without a name or brackets around it"},
      {"notify: {email: {to: [a@b], from: \"e@f\\nBcc: x@y\", server: 'smtp://h'}}", "2:35: error: `from` can't be `e@f?Bcc: x@y`; write a plain mail address, such as `ops@example.net`, without a name or brackets around it"},
      {"notify: {email: {to: [a@b], from: e@f, server: h}}", "2:48: error: `server` `h` must begin with `smtp://` or `smtps://`"},
      {"notify: {email: {to: [a@b], from: e@f, server: 'smtp://h:0'}}", "2:48: error: `server` `smtp://h:0` has no valid port; write a number from 1 to 65535 behind the colon"},
      {"notify: {email: {to: [a@b], from: e@f, server: 'smtp://h/x'}}", "2:48: error: `server` `smtp://h/x` must end behind the host or port, as in `smtp://mail.example.net:25`"},
      {"notify: {email: {to: [a@b], from: e@f, server: 'smtps://h', tls: starttls}}", "2:61: error: `tls` is for `smtp://`; with `smtps://` everything is encrypted, so remove the line"},
      {"notify: {email: {to: [a@b], from: e@f, server: 'smtp://h', tls: none}}", "2:65: error: `tls` can't be `none`; write `off` or `starttls`"},
      {"notify: {email: {to: [a@b], from: e@f, server: 'smtp://h', login: u}}", "2:10: error: email `email` has no `password`; add one, such as `password_file: /etc/holdfast/smtp.password`, or remove `login`"},
      {"notify: {email: {to: [a@b], from: e@f, server: 'smtp://h', password: p}}", "2:60: error: email `email` has a password and no `login`; add one"},
      {"notify: {email: {to: [a@b], from: e@f, server: 'smtp://h', login: u, password: p, password_file: /p}}", "2:83: error: email `email` has both `password` and `password_file`; remove one of them"},
      {"notify: {email: {to: [a@b], from: e@f, server: 'smtp://h', login: u, password_file: /no/such}}", "2:85: error: `password_file` `/no/such`: there is no such file; create it, or name another"},
      {"notify: {email: {to: [a@b], from: e@f, server: 'smtp://h', login: u, password: p, tls: 'off'}}", "2:60: warning: the password crosses the network readable for all, since `tls` is off; write `tls: starttls`, or `smtps://` in `server`"},
      {"notify: {email: {to: [a@b], from: e@f, server: 'smtp://h', ca_file: /etc/hostname}}", "2:69: error: `ca_file` `/etc/hostname` holds no certificate in the form PEM, a block that begins with `-----BEGIN CERTIFICATE-----`"},
      {"notify: {webhook: {}}", "2:10: error: webhook `webhook` has no `url`; add one, such as `url: https://example.net/hook`, or `url_file`"},
      {"notify: {webhook: {url: 'ftp://h/'}}", "2:25: error: `url` `ftp://h/` must begin with `http://` or `https://`"},
      {"notify: {webhook: {url: 'http://h/', body: '{\"a\": \"{{txt}}\"}'}}", "2:44: error: `body` uses the unknown `{{txt}}`; did you mean `text`?"},
      {"notify: {webhook: {url: 'http://h/', body: '{\"a\": {{text}}}'}}", "2:44: error: `body` is no JSON (at line 1, column 7 of it); every `{{name}}` stands within double quotes, as in `{\"text\": \"{{text}}\"}`"},
      {"notify: {webhook: {url: 'http://h/', headers: {'a b': c}}}", "2:48: error: `a b` is no name of a header; write one such as `X-Token`"},
      {"notify: {webhook: {url: 'http://h/', headers: {Host: c}}}", "2:48: error: the header `Host` follows from `url` and `body`; remove it"},
      {"notify: {webhook: {url: 'http://h/', headers: {X-A: \"a\\r\\nX-B: c\"}}}", "2:53: error: the header `X-A` holds a character that is not plain ASCII; remove it"},
      {"notify: {webhook: {url: 'http://h/', signature: {type: dingtalk}}}", "2:38: error: `signature` of webhook `webhook` has no `secret`; add one, such as `secret_file: /etc/holdfast/webhook.secret`"},
      {"notify: {webhook: {url: 'http://h/', signature: {type: dingtlk, secret: a}}}", "2:56: error: `type` can't be `dingtlk`; did you mean `dingtalk`? It is one of `dingtalk`, `feishu` or `hmac-sha256`"},
      {"notify: {webhook: {url: 'http://h/', signature: {type: feishu, secret: a, header: X-A}}}", "2:75: error: `header` is for `type: hmac-sha256`; remove the line"},
      {"notify: {webhook: {url: 'http://h/', body: '[]', signature: {type: feishu, secret: a}}}", "2:50: error: the signature `feishu` stands within the body, so `body` must be a JSON object, `{...}`"},
  };
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    CHECK(remarks(instances + text + "\n") == Lines{"f:" + expected});
  }
}

TEST_CASE("mistakes in move") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"{}", "1:43: error: `move` of instance `w` has no `command`; add one, such as `command: [/usr/local/bin/move-address]`"},
      {"{command: [a], on: [check_down]}", "1:69: error: `on` can't hold `check_down`; the events are: active, backup, fault, stop"},
      {"{command: [a], retry: 1ms}", "1:71: error: `retry` must be a duration from 100ms to 1h, not `1ms`"},
      {"{command: [a], interval: 1s}", "1:64: error: unknown key `interval` in `move` of instance `w`; it belongs to a check, move it there"},
  };
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    CHECK(remarks("instances: {w: {interface: eth0, vrid: 1, move: " + text + "}}\n") == Lines{"f:" + expected});
  }
}
// clang-format on

TEST_CASE("templates are filled with what can't break out of them") {
  const auto fill = [](const std::string& body, const std::string& value) {
    return fill_template(body, [&](std::string_view) { return value; });
  };
  CHECK(fill(R"({"a":"{{text}}","b":"<{{ title }}>"})", "x") == R"({"a":"x","b":"<x>"})");
  CHECK(fill(R"({"a":"{{text}}"})", "\"},\n\t\\{{text}}") == R"({"a":"\"},\n\t\\{{text}}"})");
  CHECK(fill(R"({"a":"{{text}}"})", "\xff\xc3\xa4") == "{\"a\":\"\xef\xbf\xbd\xc3\xa4\"}");
  CHECK(fill(R"({"a":{"b":{"c":"{{text}}"}}})", "x") == R"({"a":{"b":{"c":"x"}}})");
  CHECK(check_template(R"({"a":{"b":{"c":"{{text}}"}}})"));
  for (const std::string& name : template_names()) CHECK(check_template("[\"{{" + name + "}}\"]"));
  CHECK_FALSE(check_template(R"({"a": {{text}}})"));
  CHECK_FALSE(check_template(R"({"a": "{{text}})"));
  CHECK_FALSE(check_template(R"({"a": "{{Text}}"})"));
}

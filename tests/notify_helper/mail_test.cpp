// Mails as they go over the wire.
#include "notify_helper/mail.hpp"

#include "notify_helper/encoding.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;

namespace {

const auto now = std::chrono::system_clock::from_time_t(1795354380);  // 2026-11-22 13:33:00 UTC

MailJob job() {
  MailJob mail;
  mail.from = "holdfast@web-1.example.net";
  mail.to = {"ops@example.net", "boss@example.net"};
  mail.subject = "[web-1] VI_1 is active";
  mail.text = "VI_1: backup -> active\n.\nend";
  mail.message_id = "<7@id>";
  return mail;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("plain ASCII goes as it is") {
  CHECK(compose_mail(job(), now) ==
        "Date: Sun, 22 Nov 2026 13:33:00 +0000\r\n"
        "From: Holdfast <holdfast@web-1.example.net>\r\n"
        "To: ops@example.net,\r\n boss@example.net\r\n"
        "Subject: [web-1] VI_1 is active\r\n"
        "Message-ID: <7@id>\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 7bit\r\n"
        "\r\n"
        "VI_1: backup -> active\r\n.\r\nend\r\n");
}

TEST_CASE("what ends a problem answers the mail about it") {
  MailJob mail = job();
  mail.in_reply_to = "<3@id>";
  CHECK(contains(compose_mail(mail, now), "\r\nIn-Reply-To: <3@id>\r\nReferences: <3@id>\r\n"));
}

TEST_CASE("other characters are encoded") {
  MailJob mail = job();
  mail.subject = "主机故障";
  mail.text = "größer\n";
  const std::string text = compose_mail(mail, now);
  CHECK(contains(text, "\r\nSubject: =?UTF-8?B?5Li75py65pWF6Zqc?=\r\n"));
  CHECK(contains(text, "\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64("größer\r\n") + "\r\n"));
}

TEST_CASE("encoded words are short, and no character is cut in two") {
  std::string subject;
  for (int i = 0; i < 50; ++i) subject += "故a";
  const std::string words = header_text(subject);
  std::size_t at = 0;
  int count = 0;
  while (at < words.size()) {
    const std::size_t end = std::min(words.find("\r\n ", at), words.size());
    const std::string word = words.substr(at, end - at);
    CHECK(word.size() + 9 <= 76);
    CHECK(word.starts_with("=?UTF-8?B?"));
    CHECK(word.ends_with("?="));
    ++count;
    at = end + 3;
  }
  CHECK(count > 1);
  CHECK(header_text("=?UTF-8?B?eA==?= looks like one") != "=?UTF-8?B?eA==?= looks like one");
}

TEST_CASE("nothing begins another header or ends them") {
  MailJob mail = job();
  mail.subject = "a\r\nBcc: x@y\r\n\r\nbody";
  mail.from = "a@b\nX: y";
  mail.to = {"a@b\r\nX: y"};
  mail.message_id = "<1@x>\nX: y";
  mail.in_reply_to = "<1@x>\nX: y";
  const std::string text = compose_mail(mail, now);
  const std::string headers = text.substr(0, text.find("\r\n\r\n"));
  CHECK_FALSE(contains(headers, "\nBcc"));
  CHECK_FALSE(contains(headers, "\nX:"));
  CHECK(text.find("\r\n\r\n") == text.find("\r\n\r\nVI_1: backup"));
}

TEST_CASE("long lines don't break the limits of mail") {
  MailJob mail = job();
  mail.text = std::string(5000, 'a');
  mail.subject = std::string(2000, 'a');
  const std::string text = compose_mail(mail, now);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find("\r\n", at);
    CHECK(end - at <= 998);
    at = end + 2;
  }
}

// A mail as it goes over the wire (RFC 5322, 2045, 2047): plain text, in UTF-8 where it must be.
#pragma once

#include "notify_helper/job.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace holdfast {

// With lines that end in CRLF. Whatever stands in the job, no header has more lines than it is meant to have.
std::string compose_mail(const MailJob& job, std::chrono::system_clock::time_point now);

// The value of a header: as it is where it is plain ASCII, else in encoded words (RFC 2047), folded.
std::string header_text(std::string_view text);

}  // namespace holdfast

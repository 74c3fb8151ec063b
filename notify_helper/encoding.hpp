// Bytes in the clothes that mails and signatures want.
#pragma once

#include <string>
#include <string_view>

namespace holdfast {

std::string base64(std::string_view bytes);

// In lower case.
std::string hex(std::string_view bytes);

// RFC 2104; 32 bytes. Throws where libcrypto can't.
std::string hmac_sha256(std::string_view key, std::string_view message);

}  // namespace holdfast

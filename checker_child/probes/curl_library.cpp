#include "checker_child/probes/curl_library.hpp"

#include <dlfcn.h>

#include <string>

namespace holdfast {

Result<CurlLibrary> load_curl() {
  constexpr const char* mend = "; http checks need the package libcurl4";
  void* library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!library) return Error{std::string("cannot load libcurl: ") + dlerror() + mend};
  CurlLibrary curl;
#define X(name)                                                                     \
  curl.name = reinterpret_cast<decltype(curl.name)>(dlsym(library, "curl_" #name)); \
  if (!curl.name) return Error{std::string("libcurl has no function curl_" #name) + mend};
  HOLDFAST_CURL_FUNCTIONS(X)
#undef X
  if (const CURLcode failure = curl.global_init(CURL_GLOBAL_DEFAULT); failure != CURLE_OK) {
    return Error{std::string("libcurl does not start: ") + curl.easy_strerror(failure)};
  }
  return curl;
}

}  // namespace holdfast

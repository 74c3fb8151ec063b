// libcurl, opened when it is first needed, so that a checker without http checks does not carry it.
#pragma once

#include "common/result.hpp"

#include <curl/curl.h>

#include <memory>

namespace holdfast {

// The functions that are used, typed by libcurl's own header.
struct CurlLibrary {
#define HOLDFAST_CURL_FUNCTIONS(X) \
  X(global_init)                   \
  X(free)                          \
  X(easy_init)                     \
  X(easy_cleanup)                  \
  X(easy_setopt)                   \
  X(easy_getinfo)                  \
  X(easy_strerror)                 \
  X(slist_append)                  \
  X(slist_free_all)                \
  X(url)                           \
  X(url_cleanup)                   \
  X(url_get)                       \
  X(url_set)                       \
  X(url_strerror)                  \
  X(multi_init)                    \
  X(multi_cleanup)                 \
  X(multi_setopt)                  \
  X(multi_add_handle)              \
  X(multi_remove_handle)           \
  X(multi_socket_action)           \
  X(multi_info_read)
#define X(name) decltype(&curl_##name) name = nullptr;
  HOLDFAST_CURL_FUNCTIONS(X)
#undef X
};

// Opens libcurl.so.4; it stays open. The error names what is missing.
Result<CurlLibrary> load_curl();

}  // namespace holdfast

// MESSAGE_IDs of our journal entries: never change one, people filter by them (journalctl MESSAGE_ID=...).
#pragma once

namespace holdfast::message_id {

inline constexpr const char* started = "139279bff20845f2809cb9d9fb52e75b";
inline constexpr const char* stopping = "5b5327aaec8f4cc581452588924a6344";
inline constexpr const char* transition = "eb4d7073f46d4910ade2e4e045fc7819";
inline constexpr const char* health_changed = "9fce431fd64e47d49ed6fd86a38ca45b";
inline constexpr const char* interface_changed = "1d48318b03b54d11a1b3ed9a9def7e3f";
inline constexpr const char* restart_started = "80a9c02b81224154ac5b71d6276eb949";
inline constexpr const char* restart_succeeded = "4f2fbfb0b3904332b62ace5934b33ff4";
inline constexpr const char* restart_failed = "786242bfd6c34c9eb4d9dd339c364b10";
inline constexpr const char* child_died = "e7a7c1aa3b594667b588640594f1e1a4";
inline constexpr const char* child_started = "86e27465ec954e898e6ce692b698a8ea";
inline constexpr const char* conflict = "b2ad8c15c232496b909486b47d565a66";
inline constexpr const char* reloaded = "f825c8ac4cf04778a633c8235ca7cd63";
inline constexpr const char* reload_failed = "017455f319e74605bbe0e79ea08bee6b";
inline constexpr const char* drain_started = "8cf6c6e725324d4fa434f5fef7c42f65";
inline constexpr const char* drained = "b700937c563948b4a9fa87adc6c6fe0d";
inline constexpr const char* drain_failed = "78d3bd1499c745e7b74b69213f01711b";
inline constexpr const char* resumed = "f2749002e8b24627b0397f224859ea69";
inline constexpr const char* restart_refused = "5fd9ac04bcd14fe28a6ef0a0cc6f1f1b";
inline constexpr const char* restarts_exhausted = "24a2f2082ea44d8f8d146fae7647cac5";

inline constexpr const char* conflict_over = "60ae94037db94a1b8c4e181930e8fbc2";
inline constexpr const char* notification_failed = "a9a162e2c16440f4b6ecc0ebbd5c63b3";
inline constexpr const char* move_failed = "461afc2f04b04005bf7f027ae49d3480";
inline constexpr const char* moved = "c2affa2c6492482c9142f36bd3b71926";

}  // namespace holdfast::message_id

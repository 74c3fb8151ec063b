#include "vrrp_child/core/advert.hpp"

#include "common/bytes.hpp"
#include "vrrp_child/core/internet_checksum.hpp"

#include <algorithm>
#include <string>

namespace holdfast {
namespace {

constexpr IpAddr vrrp_group_v6 =
    IpAddr::from_bytes(std::array<std::uint8_t, 16>{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12});

InternetChecksum message_sum(std::span<const std::uint8_t> packet) {
  InternetChecksum sum;
  sum.add(packet);
  return sum;
}

InternetChecksum sum_with_pseudo_header(std::span<const std::uint8_t> packet, const Envelope& envelope) {
  InternetChecksum sum = message_sum(packet);
  sum.add_pseudo_header(envelope.source, envelope.destination, packet.size(), vrrp_protocol);
  return sum;
}

}  // namespace

IpAddr vrrp_group(IpFamily family) { return family == IpFamily::ipv4 ? vrrp_group_v4 : vrrp_group_v6; }

std::array<std::uint8_t, auth_data_size> password_bytes(const std::optional<std::string>& password) {
  std::array<std::uint8_t, auth_data_size> bytes{};
  if (password) std::copy_n(password->begin(), std::min(password->size(), bytes.size()), bytes.begin());
  return bytes;
}

// RFC 9568, 7.1 and RFC 3768, 7.1, as far as they need no configuration.
Result<Advert, DecodeError> decode_advert(std::span<const std::uint8_t> packet, const Envelope& envelope) {
  if (packet.size() < advert_header_size) return DecodeError::length;
  ByteReader in(packet);
  const std::uint8_t version_and_type = in.u8();
  const unsigned version = version_and_type >> 4;
  const bool ipv4 = envelope.source.family() == IpFamily::ipv4;
  if (version != 3 && !(version == 2 && ipv4)) return DecodeError::version;
  if ((version_and_type & 0x0f) != advert_type) return DecodeError::type;

  Advert advert;
  advert.version = static_cast<VrrpVersion>(version);
  advert.vrid = Vrid{in.u8()};
  advert.priority = Priority{in.u8()};
  const std::size_t count = in.u8();
  const std::uint16_t interval_field = in.u16();
  in.u16();  // the checksum takes part in the sum

  const bool v2 = advert.version == VrrpVersion::v2;
  const std::size_t list_size = count * envelope.source.size();
  if (in.remaining() != list_size + (v2 ? auth_data_size : 0)) return DecodeError::length;
  advert.addresses = in.take(list_size);

  if (v2) {  // RFC 3768, 5.3.8: no pseudo-header, the authentication data is summed
    if (!message_sum(packet).is_right()) return DecodeError::checksum;
    advert.auth_type = static_cast<std::uint8_t>(interval_field >> 8);
    advert.interval = std::chrono::seconds(interval_field & 0xff);
    if (advert.interval == Duration::zero()) return DecodeError::interval_zero;
    std::ranges::copy(in.take(auth_data_size), advert.auth_data.begin());
    return advert;
  }
  // RFC 9568, 5.2.8 says message only over IPv4; RFC 5798 is read as with pseudo-header. Accept both.
  if (sum_with_pseudo_header(packet, envelope).is_right()) {
    if (ipv4) advert.checksum_form = ChecksumForm::rfc5798;
  } else if (ipv4 && message_sum(packet).is_right()) {
    advert.checksum_form = ChecksumForm::rfc9568;
  } else {
    return DecodeError::checksum;
  }
  advert.interval = Centiseconds(interval_field & 0x0fff);                     // the reserved nibble is ignored
  if (advert.interval == Duration::zero()) return DecodeError::interval_zero;  // erratum 8301
  return advert;
}

void encode_advert(const VirtualRouterConfig& config, VrrpVersion version, Priority priority, const Envelope& envelope,
                   std::vector<std::uint8_t>& out) {
  const bool v2 = version == VrrpVersion::v2;
  out.clear();
  ByteWriter writer(out);
  writer.u8(static_cast<std::uint8_t>(static_cast<unsigned>(version) << 4 | advert_type));
  writer.u8(config.vrid.value);
  writer.u8(priority.value);
  writer.u8(static_cast<std::uint8_t>(std::ranges::count_if(config.addresses, &VirtualAddress::advertised)));
  if (v2) {
    writer.u8(static_cast<std::uint8_t>(config.password ? AuthType::password : AuthType::none));
    // Whole seconds; what is less (mixed versions only) is said to be one.
    writer.u8(static_cast<std::uint8_t>(
        std::min<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(config.advert_interval).count(), 255)));
  } else {
    writer.u16(static_cast<std::uint16_t>(std::chrono::duration_cast<Centiseconds>(config.advert_interval).count()));
  }
  writer.u16(0);
  for (const VirtualAddress& virtual_address : config.addresses) {
    if (virtual_address.advertised) writer.bytes(virtual_address.prefix.address.bytes());
  }
  if (v2) writer.bytes(password_bytes(config.password));

  const bool message_only = v2 || (config.family == IpFamily::ipv4 && config.checksum == ChecksumForm::rfc9568);
  const std::uint16_t checksum = (message_only ? message_sum(out) : sum_with_pseudo_header(out, envelope)).value();
  out[6] = static_cast<std::uint8_t>(checksum >> 8);
  out[7] = static_cast<std::uint8_t>(checksum);
}

}  // namespace holdfast

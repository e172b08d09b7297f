use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whether an address is a public one on the internet. A registry entry, or a name server that lies, must not turn
/// the worker's token on a service inside the account's network (169.254.170.2 hands out the worker's own role).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a == 10
        || a == 127
        || (a == 100 && (64..128).contains(&b)) // shared by carriers, RFC 6598
        || (a == 169 && b == 254) // link-local and cloud metadata
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        || (a == 192 && b == 0 && (c == 0 || c == 2)) // protocol assignments, documentation
        || (a == 192 && b == 88 && c == 99) // 6to4 relays
        || (a == 198 && (b == 18 || b == 19)) // benchmarks
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113)
        || a >= 224) // multicast, reserved, broadcast
}

/// Only global unicast, without the ranges of it that lead back to IPv4 or nowhere.
fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [a, b, ..] = address.segments();
    (a & 0xe000) == 0x2000 // 2000::/3
        && a != 0x2002 // 6to4
        && !(a == 0x2001 && (b < 0x0200 || b == 0x0db8)) // Teredo and other assignments, documentation
        && a != 0x3fff // documentation
}

/// Resolves names as the system does, and keeps only public addresses: checked on what is connected to, so that a
/// second, different answer of a name server can't slip in between.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicResolver;

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let resolved: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> = resolved.into_iter().filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(format!(
                    "{} has no public address; DOORBELL_ALLOW_PRIVATE_FORGES allows others",
                    name.as_str()
                )
                .into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(addresses: &[&str], expected: bool) {
        for text in addresses {
            assert_eq!(is_public(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn internet_addresses_are_public() {
        check(&["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "192.167.1.1"], true);
        check(&["2001:4860:4860::8888", "2600::1", "::ffff:8.8.8.8", "2a00:1450::1"], true);
    }

    #[test]
    fn private_and_reserved_addresses_are_not_public() {
        check(
            &["127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254"],
            false,
        );
        check(&["169.254.170.2", "100.64.0.1", "0.0.0.0", "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1"], false);
        check(&["255.255.255.255", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1"], false);
        check(
            &[
                "::1",
                "::",
                "fe80::1",
                "fc00::1",
                "fd00:ec2::254",
                "ff02::1",
                "::ffff:127.0.0.1",
                "::ffff:169.254.169.254",
            ],
            false,
        );
        check(&["64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "2001::1", "::127.0.0.1", "3fff::1"], false);
    }
}

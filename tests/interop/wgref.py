"""WireGuard once more, from its paper: slow, plain and independent of our code, to hold that against. What
ours takes from OpenSSL is libsodium's here (the ciphers, by PyNaCl), what ours takes from libsodium is
OpenSSL's (the curve, by cryptography), and the hash is Python's own. Everything random and every time is
handed in, so that the same call gives the same bytes. https://www.wireguard.com/papers/wireguard.pdf, 5.4"""

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from nacl import bindings, exceptions

CONSTRUCTION = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
IDENTIFIER = b"WireGuard v1 zx2c4 Jason@zx2c4.com"
INITIATION, RESPONSE, COOKIE, DATA = 1, 2, 3, 4
LENGTHS = {INITIATION: 148, RESPONSE: 92, COOKIE: 64}
REJECT_AFTER_MESSAGES = 2 ** 64 - 2 ** 13 - 1
NONE = bytes(32)
P = 2 ** 255 - 19

# Every encoding of a point whose order divides 8, on the curve or its twist: nobody's public key.
ORDER_8 = (325606250916557431795983626356110631294008115727848805560023387167927233504,
           39382357235489614581723060781553021112529911719440698176882885853963445705823)
SMALL_ORDER = [n.to_bytes(32, "little") for n in (0, 1, *ORDER_8, P - 1, P, P + 1)]
SMALL_ORDER += [point[:31] + bytes([point[31] | 0x80]) for point in SMALL_ORDER]


class Refused(Exception):
    """The message is not to be acted on."""


def blake2s(*parts):
    return hashlib.blake2s(b"".join(parts)).digest()


def mac(key, *parts):
    return hashlib.blake2s(b"".join(parts), key=key, digest_size=16).digest()


def kdf(count, chain, data):
    """HKDF with BLAKE2s: @count keys."""
    extract = hmac.new(chain, data, "blake2s").digest()
    out, last = [], b""
    for number in range(1, count + 1):
        last = hmac.new(extract, last + bytes([number]), "blake2s").digest()
        out.append(last)
    return out


def public_of(private):
    key = X25519PrivateKey.from_private_bytes(private).public_key()
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def dh(private, public):
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as e:
        raise Refused("small order") from e


def seal(key, counter, plain, ad=b""):
    return bindings.crypto_aead_chacha20poly1305_ietf_encrypt(plain, ad, bytes(4) + struct.pack("<Q", counter), key)


def unseal(key, counter, sealed, ad=b""):
    try:
        return bindings.crypto_aead_chacha20poly1305_ietf_decrypt(sealed, ad, bytes(4) + struct.pack("<Q", counter),
                                                                  key)
    except exceptions.CryptoError as e:
        raise Refused("does not decrypt") from e


class Noise:
    """The running chain and hash of one handshake."""

    def __init__(self, responder_public):
        self.chain = blake2s(CONSTRUCTION)
        self.hash = blake2s(blake2s(self.chain, IDENTIFIER), responder_public)

    def mix_hash(self, data):
        self.hash = blake2s(self.hash, data)

    def mix_public(self, ephemeral):
        self.chain, = kdf(1, self.chain, ephemeral)
        self.mix_hash(ephemeral)

    def mix_secret(self, secret):
        """Gives the key that seals what comes next, if something does."""
        self.chain, key = kdf(2, self.chain, secret)
        return key

    def mix_dh_only(self, secret):
        self.chain, = kdf(1, self.chain, secret)

    def mix_psk(self, psk):
        self.chain, tau, key = kdf(3, self.chain, psk)
        self.mix_hash(tau)
        return key

    def seal(self, key, plain):
        sealed = seal(key, 0, plain, self.hash)
        self.mix_hash(sealed)
        return sealed

    def unseal(self, key, sealed):
        plain = unseal(key, 0, sealed, self.hash)
        self.mix_hash(sealed)
        return plain

    def split(self):
        return kdf(2, self.chain, b"")


def initiation(private, peer, index, ephemeral, timestamp, *, point=None, es=None, ss=None, static=None):
    """(message without MACs, the state that reads the answer). The named arguments are for liars: another
    point in the place of the ephemeral key, other results of Diffie-Hellman, another static key."""
    noise = Noise(peer)
    point = public_of(ephemeral) if point is None else point
    noise.mix_public(point)
    key = noise.mix_secret(dh(ephemeral, peer) if es is None else es)
    sealed_static = noise.seal(key, public_of(private) if static is None else static)
    key = noise.mix_secret(dh(private, peer) if ss is None else ss)
    message = struct.pack("<II", INITIATION, index) + point + sealed_static + noise.seal(key, timestamp)
    return message + bytes(32), noise


def read_initiation(private, message):
    """(the initiator's static key, timestamp, its index, its ephemeral key, the state to answer from)"""
    noise = Noise(public_of(private))
    kind, index = struct.unpack("<II", message[:8])
    if kind != INITIATION or len(message) != LENGTHS[INITIATION]:
        raise Refused("no initiation")
    point = message[8:40]
    noise.mix_public(point)
    static = noise.unseal(noise.mix_secret(dh(private, point)), message[40:88])
    timestamp = noise.unseal(noise.mix_secret(dh(private, static)), message[88:116])
    return static, timestamp, index, point, noise


def response(noise, static, point, psk, index, their_index, ephemeral, *, lie=None, ee=None, se=None):
    """(message without MACs, key to send with, key to receive with). Consumes @noise. @lie, @ee and @se are
    for liars, as above."""
    mine = public_of(ephemeral) if lie is None else lie
    noise.mix_public(mine)
    noise.mix_dh_only(dh(ephemeral, point) if ee is None else ee)
    noise.mix_dh_only(dh(ephemeral, static) if se is None else se)
    nothing = noise.seal(noise.mix_psk(psk), b"")
    recv, send = noise.split()
    return struct.pack("<III", RESPONSE, index, their_index) + mine + nothing + bytes(32), send, recv


def read_response(noise, private, ephemeral, psk, index, message):
    """(the responder's index, key to send with, key to receive with). Consumes @noise."""
    kind, their_index, mine = struct.unpack("<III", message[:12])
    if kind != RESPONSE or len(message) != LENGTHS[RESPONSE] or mine != index:
        raise Refused("no response to this")
    point = message[12:44]
    noise.mix_public(point)
    noise.mix_dh_only(dh(ephemeral, point))
    noise.mix_dh_only(dh(private, point))
    noise.unseal(noise.mix_psk(psk), message[44:60])
    send, recv = noise.split()
    return their_index, send, recv


# ---- MACs and cookies ----

def stamp(message, receiver, cookie=None):
    """Fills both MACs of an initiation or response for who has the public key @receiver."""
    body = message[:-32]
    first = mac(blake2s(b"mac1----", receiver), body)
    return body + first + (mac(cookie, body, first) if cookie is not None else bytes(16))


def mac1_of(message):
    return message[-32:-16]


def has_mac1(message, receiver):
    return mac1_of(message) == mac(blake2s(b"mac1----", receiver), message[:-32])


def has_mac2(message, cookie):
    return message[-16:] == mac(cookie, message[:-16])


def cookie_key(public):
    return blake2s(b"cookie--", public)


def cookie_reply(message, public, cookie, nonce):
    """What who has the public key @public answers @message with."""
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(cookie, mac1_of(message), nonce, cookie_key(public))
    return struct.pack("<I", COOKIE) + message[4:8] + nonce + sealed


def read_cookie_reply(reply, message, public):
    """The cookie, given to @message, which went to who has the public key @public."""
    kind, index = struct.unpack("<II", reply[:8])
    if kind != COOKIE or len(reply) != LENGTHS[COOKIE] or message[4:8] != struct.pack("<I", index):
        raise Refused("no cookie for this")
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(reply[32:], mac1_of(message), reply[8:32],
                                                                   cookie_key(public))
    except exceptions.CryptoError as e:
        raise Refused("does not decrypt") from e


# ---- data ----

def data(key, their_index, counter, packet, mtu=1420):
    padded = packet + bytes(max(0, min(-len(packet) % 16, mtu - len(packet))))
    return struct.pack("<IIQ", DATA, their_index, counter) + seal(key, counter, padded)


def read_data(key, index, message):
    """(counter, the padded packet)"""
    kind, mine, counter = struct.unpack("<IIQ", message[:16])
    if kind != DATA or mine != index:
        raise Refused("no data for this session")
    return counter, unseal(key, counter, message[16:])


class Window:
    """Which counters are new: no bits, a set. The last @reach below the greatest may still come."""

    def __init__(self, reach):
        self.reach, self.seen = reach, set()

    def accept(self, counter):
        top = max(self.seen, default=0)
        if counter in self.seen or counter + self.reach <= top:
            return False
        self.seen.add(counter)
        return True


# ---- time ----

def tai64n(wall_ns):
    """The time as initiations carry it: no finer than 1/59 s, so that nobody learns more of the clock."""
    seconds, ns = divmod(wall_ns, 10 ** 9)
    return struct.pack(">QI", 2 ** 62 + 10 + seconds, ns & ~0xffffff)

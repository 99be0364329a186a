// Headers as a proxy writes them (PROXY protocol, version 2), and wrong ones.

import { isIPv4 } from 'node:net'

export interface BinaryHeaderParts {
  readonly version?: number
  /** 0 LOCAL, 1 PROXY. */
  readonly command?: number
  /** IPv4 or IPv6; absent: no addresses. */
  readonly source?: string
  readonly port?: number
  /** Family and transport; by the source unless told. */
  readonly family?: number
  /** Bytes of extensions. */
  readonly extraBytes?: number
}

function octets (address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail = ''] = address.split('::')
  const groups = (text: string): number[] => text === '' ? [] : text.split(':').map(one => Number.parseInt(one, 16))
  const [first, last] = [groups(head), groups(tail)]
  const all = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last]
  return Buffer.from(all.flatMap(one => [one >> 8, one & 0xff]))
}

/** One whole header. */
export function binaryHeader (parts: BinaryHeaderParts): Buffer {
  const { version = 2, command = 1, source, port = 40_000, extraBytes = 0 } = parts
  const addresses = source === undefined
    ? Buffer.alloc(0)
    : Buffer.concat([octets(source), octets(isIPv4(source) ? '10.0.0.1' : '::1'), Buffer.from([port >> 8, port & 0xff, 1, 187])])
  const family = parts.family ?? (source === undefined ? 0x00 : isIPv4(source) ? 0x11 : 0x21)
  const length = addresses.length + extraBytes
  const fixed = Buffer.from([version << 4 | command, family, length >> 8, length & 0xff])
  return Buffer.concat([Buffer.from('0d0a0d0a000d0a515549540a', 'hex'), fixed, addresses, Buffer.alloc(extraBytes, 4)])
}

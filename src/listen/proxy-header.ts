// The header by which a proxy tells whose connection it passes on: PROXY protocol (HAProxy), versions 1 and 2.

import { isAddress } from '../contract/address.ts'
import type { FarEnd } from './connections.ts'

/** A longer one is refused: addresses take 52 bytes at most, the rest is for extensions, which are passed over. */
export const proxyHeaderBytesMax = 4_096

export interface ProxyHeader {
  readonly lengthBytes: number
  /** Undefined: the connection is the proxy's own (a health check), or of a kind that has no IP address. */
  readonly farEnd: FarEnd | undefined
}

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const prefix = Buffer.from('PROXY ')
/** Section 2.1: the longest line of version 1, its end included. */
const lineBytesMax = 107
/** Section 2.2: signature, version and command, family and transport, length. */
const fixedBytes = 16

/**
 * Reads the header at the start of `bytes`. `more`: what is there is right as far as it goes. `wrong`: no header.
 * Looks at `proxyHeaderBytesMax` bytes at most, and copies none but the addresses.
 */
export function readProxyHeader (bytes: Buffer): ProxyHeader | 'more' | 'wrong' {
  if (beginsLike(bytes, signature)) return bytes.length < fixedBytes ? 'more' : readBinary(bytes)
  return beginsLike(bytes, prefix) ? readLine(bytes) : 'wrong'
}

function beginsLike (bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length)
  return bytes.compare(start, 0, length, 0, length) === 0
}

function readLine (bytes: Buffer): ProxyHeader | 'more' | 'wrong' {
  const line = bytes.toString('latin1', 0, lineBytesMax)
  const end = line.indexOf('\r\n')
  if (end === -1) return line.length < lineBytesMax ? 'more' : 'wrong'
  const lengthBytes = end + 2
  const parts = line.slice(0, end).split(' ')
  const [, family, source = '', destination = '', port = '', otherPort = ''] = parts
  // Section 2.1: whatever follows UNKNOWN is to be ignored.
  if (family === 'UNKNOWN') return { lengthBytes, farEnd: undefined }
  const fits = (text: string): boolean => isAddress(text) && text.includes(':') === (family === 'TCP6')
  if (parts.length !== 6 || (family !== 'TCP4' && family !== 'TCP6') || !fits(source) || !fits(destination)) return 'wrong'
  if (!isPort(port) || !isPort(otherPort)) return 'wrong'
  return { lengthBytes, farEnd: { address: source, port: Number(port) } }
}

function isPort (text: string): boolean { return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535 }

/** Bytes of the addresses and ports by family and transport; 0 where there are none to read. */
const addressBytes: ReadonlyMap<number, number> = new Map([[0x00, 0], [0x11, 12], [0x21, 36], [0x31, 0]])

function readBinary (bytes: Buffer): ProxyHeader | 'more' | 'wrong' {
  const version = bytes.readUInt8(12)
  const family = bytes.readUInt8(13)
  const lengthBytes = fixedBytes + bytes.readUInt16BE(14)
  const needed = addressBytes.get(family)
  if ((version !== 0x20 && version !== 0x21) || lengthBytes > proxyHeaderBytesMax) return 'wrong'
  const local = version === 0x20
  // Section 2.2: with LOCAL the rest is to be passed over, whatever it says.
  if (!local && (needed === undefined || lengthBytes < fixedBytes + needed)) return 'wrong'
  if (bytes.length < lengthBytes) return 'more'
  if (local || needed === 0) return { lengthBytes, farEnd: undefined }
  return { lengthBytes, farEnd: family === 0x11 ? readFour(bytes) : readSix(bytes) }
}

function readFour (bytes: Buffer): FarEnd {
  return { address: bytes.subarray(16, 20).join('.'), port: bytes.readUInt16BE(24) }
}

function readSix (bytes: Buffer): FarEnd {
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(16 + 2 * at).toString(16))
  return { address: groups.join(':'), port: bytes.readUInt16BE(48) }
}

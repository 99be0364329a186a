// IP addresses as numbers: lists of networks (CIDR), one way to write an address, and whose network it belongs to.

/** `IPv4-mapped` IPv6 (RFC 4291 section 2.5.5.2) is IPv4 here, so that no rule is passed by writing it otherwise. */
interface Address { readonly value: bigint, readonly widthBits: 32 | 128 }

export interface AddressSet {
  /** False also for what is no address. */
  has (address: string): boolean
  readonly isEmpty: boolean
}

/** As schemas have it; what it lets pass may still be no network, which `addressSet` tells. */
export const networkPattern = '^[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?$'

const mappedStart = 0xffffn << 32n
const octet = /^(0|[1-9][0-9]{0,2})$/
const group = /^[0-9A-Fa-f]{1,4}$/

function readFour (text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let value = 0n
  for (const part of parts) {
    if (!octet.test(part) || Number(part) > 255) return undefined
    value = value << 8n | BigInt(part)
  }
  return value
}

/** Groups of 16 bits on one side of `::`; a last one may be four octets. */
function readGroups (text: string): bigint[] | undefined {
  if (text === '') return []
  const groups: bigint[] = []
  const parts = text.split(':')
  for (const [at, part] of parts.entries()) {
    if (group.test(part)) groups.push(BigInt(`0x${part}`))
    else {
      const four = at === parts.length - 1 ? readFour(part) : undefined
      if (four === undefined) return undefined
      groups.push(four >> 16n, four & 0xffffn)
    }
  }
  return groups
}

function readSix (text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = readGroups(halves[0] ?? '')
  const tail = halves.length === 2 ? readGroups(halves[1] ?? '') : []
  if (head === undefined || tail === undefined) return undefined
  // Four octets stand at the very end only.
  if (halves.length === 2 && (halves[0] ?? '').includes('.')) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const groups = [...head, ...Array.from({ length: missing }, () => 0n), ...tail]
  return groups.reduce((value, one) => value << 16n | one, 0n)
}

function readAddress (text: string): Address | undefined {
  if (text.length > 45) return undefined
  if (!text.includes(':')) {
    const value = readFour(text)
    return value === undefined ? undefined : { value, widthBits: 32 }
  }
  const value = readSix(text)
  if (value === undefined) return undefined
  return value >> 32n << 32n === mappedStart ? { value: value & 0xffffffffn, widthBits: 32 } : { value, widthBits: 128 }
}

/** Without the zone of a link-local address, which is a matter of this machine. */
function withoutZone (text: string): string {
  const mark = text.indexOf('%')
  return mark === -1 ? text : text.slice(0, mark)
}

function writeFour (value: bigint): string {
  return [24n, 16n, 8n, 0n].map(shift => String(value >> shift & 0xffn)).join('.')
}

/** True where the text is an IP address and nothing else. */
export function isAddress (text: string): boolean { return readAddress(text) !== undefined }

/** The same address with IPv4-mapped IPv6 written as IPv4; anything else as it is. */
export function plainAddress (text: string): string {
  if (!text.includes(':')) return text
  const address = readAddress(text)
  return address?.widthBits === 32 ? writeFour(address.value) : text
}

/** Whom an address stands for where attempts are counted: one IPv4 address, or the /64 that one IPv6 site has. */
export function siteOf (text: string): string {
  if (!text.includes(':')) return text
  const address = readAddress(withoutZone(text))
  if (address === undefined) return text
  return address.widthBits === 32 ? writeFour(address.value) : `${(address.value >> 64n).toString(16)}::/64`
}

function readNetwork (entry: string): { address: Address, bits: number } | undefined {
  const [text = '', suffix, ...rest] = entry.split('/')
  const address = readAddress(text)
  if (address === undefined || rest.length > 0) return undefined
  if (suffix === undefined) return { address, bits: address.widthBits }
  if (!octet.test(suffix)) return undefined
  // A network of mapped addresses counts its bits from the start of the IPv6 address.
  const bits = Number(suffix) - (text.includes(':') && address.widthBits === 32 ? 96 : 0)
  return bits < 0 || bits > address.widthBits ? undefined : { address, bits }
}

/** The network as it is written rightly: without bits of a host behind it. Undefined for what is no network. */
export function networkOf (entry: string): string | undefined {
  const network = readNetwork(entry)
  if (network === undefined || !entry.includes('/')) return network === undefined ? undefined : entry
  const { address: { value, widthBits }, bits } = network
  const hostBits = BigInt(widthBits - bits)
  if (value >> hostBits << hostBits === value) return entry
  const start = value >> hostBits << hostBits
  return `${widthBits === 32 ? writeFour(start) : writeSix(start)}/${bits}`
}

/** The platform shortens it as RFC 5952 says. */
function writeSix (value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, at) => (value >> BigInt(16 * (7 - at)) & 0xffffn).toString(16))
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)
}

/**
 * Compiles addresses and networks. IPv4 is matched by IPv4 entries only, IPv6 by IPv6 entries only: `::/0` is all of
 * IPv6. Costs one look-up for each length of prefix that occurs. Throws for an entry that is neither.
 */
export function addressSet (entries: readonly string[]): AddressSet {
  const lengths: Record<32 | 128, Map<number, Set<bigint>>> = { 32: new Map(), 128: new Map() }
  for (const entry of entries) {
    const network = readNetwork(entry)
    if (network === undefined) throw new RangeError(`"${entry}" is no address and no network such as 10.0.0.0/8`)
    const { address: { value, widthBits }, bits } = network
    const starts = lengths[widthBits].get(bits) ?? new Set()
    lengths[widthBits].set(bits, starts.add(value >> BigInt(widthBits - bits)))
  }
  return {
    isEmpty: entries.length === 0,
    has (text) {
      if (entries.length === 0) return false
      const address = readAddress(withoutZone(text))
      if (address === undefined) return false
      for (const [bits, starts] of lengths[address.widthBits]) {
        if (starts.has(address.value >> BigInt(address.widthBits - bits))) return true
      }
      return false
    }
  }
}

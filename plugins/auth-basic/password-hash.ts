// Hashes of passwords as text (PHC string format): makes them, reads them within bounds of cost, checks passwords.

import { argon2, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import type { Argon2Parameters } from 'node:crypto'

interface Common { readonly salt: Buffer, readonly hash: Buffer }

interface ScryptHash extends Common {
  readonly kind: 'scrypt'
  /** N, r and p of RFC 7914. */
  readonly costCount: number
  readonly blockCount: number
  readonly lanesCount: number
}

interface Argon2Hash extends Common {
  readonly kind: 'argon2id'
  /** m, t and p of RFC 9106; m in KiB. */
  readonly memoryKib: number
  readonly passesCount: number
  readonly lanesCount: number
}

export type PasswordHash = ScryptHash | Argon2Hash

// 32 MiB three times over, one of OWASP's equal choices: it needs a quarter of the memory of the first one.
const madeLog2 = 15
const madeBlocks = 8
const madeLanes = 3
const saltBytes = 16
const hashBytes = 32
const kib = 1_024
const memoryKibMax = 128 * kib
/** What one check writes, in KiB, in all passes: below it guessing is cheap, above it so is flooding. */
const workKib = { scrypt: { min: 16 * kib, max: 512 * kib }, argon2id: { min: 35_000, max: 512 * kib } }
const lanesMax = 16

const scryptForm = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/
const argon2Form = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

/** Throws, in words for the operator that do not repeat the hash, where it has no known form or an odd cost. */
export function readHash (text: string): PasswordHash {
  const found = scryptForm.exec(text) ?? argon2Form.exec(text)
  const [, first = '', second = '', third = '', salt64 = '', hash64 = ''] = found ?? []
  const salt = Buffer.from(salt64, 'base64')
  const hash = Buffer.from(hash64, 'base64')
  const [one, two, lanesCount] = [Number(first), Number(second), Number(third)]
  if (salt.length < 8 || salt.length > 64 || hash.length < 16 || hash.length > 64) {
    throw new Error('a password hash has no known form: `sluice key password` makes one')
  }
  if (scryptForm.test(text)) {
    const costCount = 2 ** one
    const memoryKib = costCount * two / 8
    checkCost('scrypt', { memoryKib, lanesCount, work: memoryKib * lanesCount })
    return { kind: 'scrypt', salt, hash, costCount, blockCount: two, lanesCount }
  }
  checkCost('argon2id', { memoryKib: one, lanesCount, work: one * two })
  return { kind: 'argon2id', salt, hash, memoryKib: one, passesCount: two, lanesCount }
}

interface Cost { readonly memoryKib: number, readonly lanesCount: number, readonly work: number }

function checkCost (kind: keyof typeof workKib, { memoryKib, lanesCount, work }: Cost): void {
  const { min, max } = workKib[kind]
  const odd = lanesCount < 1 || lanesCount > lanesMax || memoryKib < 8 * lanesCount
  if (odd || memoryKib > memoryKibMax || work < min || work > max) {
    throw new Error(`a ${kind} password hash has a cost that is too low, too high or none: it may use ` +
      `${memoryKibMax / kib} MiB, and from ${Math.ceil(min / kib)} to ${max / kib} MiB over all passes`)
  }
}

/** What two sides may have typed differently and mean the same (RFC 8265 section 4.2.2). */
export function plainPassword (password: string): string {
  return password.normalize('NFC')
}

/** On another thread. False for a wrong password; rejects only where the platform cannot. */
export async function isPassword (known: PasswordHash, password: string): Promise<boolean> {
  return timingSafeEqual(await derive(known, password), known.hash)
}

/** A new hash of the password, with a salt of its own. */
export async function makeHash (password: string): Promise<string> {
  const salt = randomBytes(saltBytes)
  const hash = await derive({
    kind: 'scrypt', costCount: 2 ** madeLog2, blockCount: madeBlocks, lanesCount: madeLanes, salt, hash: Buffer.alloc(hashBytes)
  }, password)
  return `$scrypt$ln=${madeLog2},r=${madeBlocks},p=${madeLanes}$${unpadded(salt)}$${unpadded(hash)}`
}

/** A hash of the same cost that no password has. */
export function likenessOf (known: PasswordHash): PasswordHash {
  return { ...known, salt: randomBytes(known.salt.length), hash: randomBytes(known.hash.length) }
}

function unpadded (bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

function derive (known: PasswordHash, password: string): Promise<Buffer> {
  const text = plainPassword(password)
  const { salt, hash } = known
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, derived: Buffer): void => {
      if (error === null) resolve(derived)
      else reject(error)
    }
    if (known.kind === 'scrypt') {
      const { costCount, blockCount, lanesCount } = known
      // A little above what RFC 7914 needs: the platform counts its own blocks, too.
      const maxmem = 128 * blockCount * (costCount + lanesCount + 2) + kib
      scrypt(text, salt, hash.length, { N: costCount, r: blockCount, p: lanesCount, maxmem }, done)
    } else {
      const parameters: Argon2Parameters = {
        message: text, nonce: salt, parallelism: known.lanesCount, tagLength: hash.length, memory: known.memoryKib,
        passes: known.passesCount
      }
      argon2('argon2id', parameters, done)
    }
  })
}

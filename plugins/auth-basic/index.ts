// The auth-basic policy: finds the principal whose name and password a peer shows. The config knows only hashes.

import { createHmac, randomBytes } from 'node:crypto'
import { siteOf } from '../../src/contract/address.ts'
import type { Principal } from '../../src/contract/envelope.ts'
import { createMemory } from '../../src/contract/memory.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { AuthenticatorModule } from '../../src/contract/policy.ts'
import { principalOf } from '../../src/contract/principal.ts'
import type { PrincipalSettings } from '../../src/contract/principal.ts'
import { repeated, shownToken } from '../../src/contract/shown-token.ts'
import { createCheckQueue } from './check-queue.ts'
import { basicConfig, basicCredential } from './config.ts'
import type { BasicConfig, BasicCredential } from './config.ts'
import { isPassword, likenessOf, plainPassword, readHash } from './password-hash.ts'
import type { PasswordHash } from './password-hash.ts'

const credentialName = 'basic'
const shownLengthMax = 2_048
/** A wrong password is remembered shorter than a right one: it may be right by the next start. */
const wrongShare = 6
const retryAfterMs = 2_000

const advice = 'send name and password'
const wrong = refuse('unauthenticated', `this name and password are not known; ${advice}`)
const shownTwice = refuse('unauthenticated', `more than one credential was sent; ${advice}, once`)
const busy = refuse('overloaded', 'too many passwords wait to be checked; send the event again later', { retryAfterMs })

interface User { readonly hash: PasswordHash, readonly owner: Principal | undefined }
interface Shown { readonly username: string, readonly password: string }

export const authBasic: AuthenticatorModule<BasicConfig> = {
  name: 'auth-basic',
  kind: 'authenticator',
  config: basicConfig,
  credential: { name: credentialName, schema: basicCredential },

  create ({ config, principals }) {
    // Known to this process only: what is remembered is worth nothing elsewhere, and cannot be guessed from.
    const memoryKey = randomBytes(32)
    const keyOf = (text: string): string => createHmac('sha256', memoryKey).update(text).digest('base64url')
    const users = usersOf(principals)
    const strangers = [...users.values()].map(({ hash }) => ({ hash: likenessOf(hash), owner: undefined }))
    const right = createMemory<Principal>(config.rememberedCountMax)
    const mistaken = createMemory<true>(config.rememberedCountMax)
    const queue = createCheckQueue<Principal | Refusal>({
      runningMax: config.checkCountMax, waitingMax: config.waitingCountMax, waitMs: config.waitMs, tooMany: busy
    })

    /** A name that nobody has costs what a name of somebody costs, each time the same. */
    function userNamed (username: string): User | undefined {
      const place = Buffer.from(keyOf(username), 'base64url').readUInt32LE(0) % Math.max(1, strangers.length)
      return users.get(username) ?? strangers[place]
    }

    async function check ({ username, password }: Shown, key: string): Promise<Principal | Refusal> {
      const user = userNamed(username)
      const fits = user !== undefined && await isPassword(user.hash, password)
      const nowMs = performance.now()
      if (!fits || user.owner === undefined) {
        mistaken.keep(key, true, nowMs + config.rememberMs / wrongShare)
        return wrong
      }
      right.keep(key, user.owner, nowMs + config.rememberMs)
      return user.owner
    }

    return {
      secretNames: ['authorization'],
      advice,
      scheme: 'Basic',
      gauges: new Map([
        ['passwords_remembered', () => right.count() + mistaken.count()],
        ['password_checks', queue.runningCount],
        ['password_checks_waiting', queue.waitingCount]
      ]),
      authenticate (credentials, peer) {
        const text = shownToken(credentials, place)
        if (text === undefined) return undefined
        if (text === repeated) return shownTwice
        if (text.length > shownLengthMax) return wrong
        const key = keyOf(text)
        const nowMs = performance.now()
        const remembered = right.find(key, nowMs)
        if (remembered !== undefined) return remembered
        if (mistaken.find(key, nowMs) === true) return wrong
        const shown = decode(text)
        if (shown === undefined) return wrong
        return queue.run(key, siteOf(peer.address), () => check(shown, key))
      }
    }
  }
}

const place = { scheme: 'basic', argument: undefined }
const control = /[\u0000-\u001f\u007f]/

/** Name and password of RFC 7617 in UTF-8; undefined for what is none, and where one of them is empty. */
function decode (text: string): Shown | undefined {
  const bytes = Buffer.from(text, 'base64')
  // The platform skips what is no base64; nothing else may stand for the same.
  if (bytes.toString('base64').replace(/=+$/, '') !== text.replace(/=+$/, '')) return undefined
  const pair = bytes.toString('utf8')
  if (!Buffer.from(pair).equals(bytes) || control.test(pair)) return undefined
  const colon = pair.indexOf(':')
  if (colon <= 0 || colon === pair.length - 1) return undefined
  return { username: pair.slice(0, colon).normalize('NFC'), password: plainPassword(pair.slice(colon + 1)) }
}

/** Throws, in words for the operator, where a hash cannot be used or a name is taken. */
function usersOf (principals: readonly PrincipalSettings[]): Map<string, User> {
  const users = new Map<string, User>()
  for (const settings of principals) {
    const owner = principalOf(settings)
    for (const credential of settings.credentials) {
      const own = credential[credentialName] as BasicCredential | undefined
      if (own === undefined) continue
      const username = own.username.normalize('NFC')
      if (users.has(username)) throw new Error(`two credentials have the username ${username}: each needs a name of its own`)
      try {
        users.set(username, { hash: readHash(own.passwordHash), owner })
      } catch (error) {
        throw new Error(`the principal ${settings.name}: ${(error as Error).message}`, { cause: error })
      }
    }
  }
  return users
}

// Whose webhook it is: makes the signature with every secret that could be meant, and compares in constant time.

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Principal } from '../../src/contract/envelope.ts'
import { principalOf } from '../../src/contract/principal.ts'
import type { PrincipalSettings } from '../../src/contract/principal.ts'
import { SettingError } from '../../src/contract/setting-error.ts'
import type { Secret } from '../../src/contract/secret.ts'
import type { WebhookCredential } from './config.ts'
import { presets } from './presets.ts'
import type { Preset, Shown } from './presets.ts'

export interface Provider {
  readonly preset: Preset
  readonly principal: Principal
  readonly secrets: readonly Secret[]
  /** Undefined: any. */
  readonly path: string | undefined
}

/** Each of them is a pass over the body. */
const secretsCountMax = 32

/** Throws where one request could be meant for too many secrets. */
export function providersOf (principals: readonly PrincipalSettings[], credentialName: string): Provider[] {
  const providers = principals.flatMap(settings => {
    const principal = principalOf(settings)
    return settings.credentials.flatMap(({ [credentialName]: credential }): Provider[] => {
      if (credential === undefined) return []
      const { preset, secrets, path } = credential as WebhookCredential
      return [{ preset: presets[preset], principal, secrets, path }]
    })
  })
  for (const { preset, path } of providers) {
    const secretsCount = candidates(providers, preset, path ?? '').reduce((sum, { secrets }) => sum + secrets.length, 0)
    if (secretsCount > secretsCountMax) {
      throw new Error(`more than ${secretsCountMax} webhook secrets could be meant by one request: give them a path each`)
    }
  }
  return providers
}

const secretBytesMin = 16

/** The secrets that can be guessed, of those that can be read now. */
export function weakSecrets (principals: readonly PrincipalSettings[], credentialName: string): SettingError[] {
  return principals.flatMap(({ credentials }, index) => credentials.flatMap((credential, place) => {
    const own = credential[credentialName] as WebhookCredential | undefined
    return (own?.secrets ?? []).flatMap((secret, at) => {
      const length = own === undefined ? undefined : bytesOf(presets[own.preset], secret)
      if (length === undefined || length >= secretBytesMin) return []
      const problem = `this secret has ${length} bytes and can be guessed; at least ${secretBytesMin} are needed`
      return new SettingError(problem, ['principals', index, 'credentials', place, credentialName, 'secrets', at])
    })
  }))
}

function bytesOf (preset: Preset, secret: Secret): number | undefined {
  try {
    return preset.keyOf(secret.reveal()).length
  } catch {
    return undefined
  }
}

/** Those that a request of this preset to this path could be from. */
export function candidates (providers: readonly Provider[], preset: Preset, path: string): Provider[] {
  return providers.filter(one => one.preset === preset && (one.path === undefined || one.path === path))
}

export interface Owner {
  readonly principal: Principal
  /** The same for the same webhook, whichever of the secrets it is signed with. */
  readonly proof: string
}

/** Every provider whose secret made one of the signatures. The work depends on nothing in them but their number. */
export function ownersOf (providers: readonly Provider[], shown: Shown, body: Buffer): Owner[] {
  return providers.flatMap(({ preset, principal, secrets }) => {
    const made = secrets.map(secret =>
      createHmac('sha256', preset.keyOf(secret.reveal())).update(shown.prefix).update(body).digest())
    let matches = false
    for (const one of made) {
      for (const signature of shown.signatures) if (timingSafeEqual(one, signature)) matches = true
    }
    return matches ? { principal, proof: made[0]?.toString('base64') ?? '' } : []
  })
}

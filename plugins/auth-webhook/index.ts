// The auth-webhook policy: finds the provider whose secret signed a webhook, and takes none twice.

import type { Credentials, Eventually } from '../../src/contract/adapter.ts'
import type { Principal } from '../../src/contract/envelope.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { AuthenticatorModule } from '../../src/contract/policy.ts'
import { repetitionOf, takeSingleUse } from '../../src/contract/single-use.ts'
import type { MemorySettings } from '../../src/contract/table.ts'
import { webhookConfig, webhookCredential } from './config.ts'
import type { WebhookConfig } from './config.ts'
import { presets } from './presets.ts'
import type { Preset, Shown } from './presets.ts'
import { candidates, ownersOf, providersOf, weakSecrets } from './providers.ts'
import type { Owner, Provider } from './providers.ts'

type Answer = Principal | Refusal

const credentialName = 'webhook'

/** GitHub signs with an older hash beside, by the same secret. */
const secretNames = [...Object.values(presets).map(({ attribute }) => attribute), 'x-hub-signature']

export const authWebhook: AuthenticatorModule<WebhookConfig> = {
  name: 'auth-webhook',
  kind: 'authenticator',
  config: webhookConfig,
  credential: { name: credentialName, schema: webhookCredential },

  tables: (config: WebhookConfig) => memoriesOf(config),
  examine: ({ principals }) => weakSecrets(principals, credentialName),

  create ({ config, principals, tables: [dated, undated] }) {
    const { toleranceMs, undatedMs } = config
    const providers = providersOf(principals, credentialName)
    const inUse: Preset[] = Object.values(presets).filter(preset => providers.some(one => one.preset === preset))
    const unknown = refuse('unauthenticated', 'the signature of this webhook does not match any secret; check the secret')
    const shared = refuse('unauthenticated', 'two providers have the secret that signed this webhook; give each its own')
    const stale = refuse('unauthenticated', 'the time of this webhook is too far from now; check the clock of the sender')
    const repetition = repetitionOf('this webhook', '')
    const noBody = refuse('unauthenticated', 'what came with no body cannot be signed over one')

    function once ({ principal, proof }: Owner, atMs: number | undefined): Answer {
      const memory = atMs === undefined ? undated : dated
      const knownMs = atMs === undefined ? undatedMs : atMs + toleranceMs - Date.now()
      return takeSingleUse(principal, { memory, key: proof, knownMs }, repetition)
    }

    async function check (meant: Provider[], shown: Shown, read: Promise<Buffer | Refusal>): Promise<Answer> {
      const body = await read
      if (isRefusal(body)) return body
      const [owner, other] = ownersOf(meant, shown, body)
      if (owner === undefined) return unknown
      return other === undefined ? once(owner, shown.atMs) : shared
    }

    return {
      secretNames,
      advice: 'sign the webhook as its provider\'s preset says',
      authenticate (credentials: Credentials): Eventually<Answer | undefined> {
        const { attributes } = credentials
        for (const preset of inUse) {
          const signature = attributes.get(preset.attribute)
          if (signature === undefined) continue
          const [path = ''] = (attributes.get(':path') ?? '').split('?', 1)
          const meant = candidates(providers, preset, path)
          if (meant.length === 0) continue
          const shown = preset.read(signature, attributes)
          if (shown === undefined || shown.signatures.length === 0) {
            return refuse('unauthenticated', `the signature of this webhook cannot be read; ${preset.advice}`)
          }
          if (shown.atMs !== undefined && Math.abs(Date.now() - shown.atMs) > toleranceMs) return stale
          const read = credentials.body?.(config.bodyBytesMax)
          return read === undefined ? noBody : check(meant, shown, read)
        }
        return undefined
      }
    }
  }
}

/**
 * Apart, so that a flood of the one does not shorten the time of the other. A time may be as far in the future as in
 * the past.
 */
function memoriesOf ({ toleranceMs, undatedMs, rememberedCountMax }: WebhookConfig): MemorySettings[] {
  return [2 * toleranceMs, undatedMs].map(knownMsMax => ({ kind: 'memory', keysMax: rememberedCountMax, knownMsMax }))
}

// The require-attribute policy, a worked example: refuses every event that lacks an attribute which the operator names.

import { refuse } from '../../src/contract/outcome.ts'
import type { JudgeModule } from '../../src/contract/policy.ts'
import { requireAttributeConfig } from './config.ts'
import type { RequireAttributeConfig } from './config.ts'

export const requireAttribute: JudgeModule<RequireAttributeConfig> = {
  name: 'require-attribute',
  kind: 'judge',
  scope: 'event',
  config: requireAttributeConfig,

  create ({ config }) {
    const attribute = config.attribute.toLowerCase()
    const refusal = refuse('invalid-event', `the attribute "${attribute}" is missing; send it with every event`)
    return {
      judge: ({ attributes }) => attributes.get(attribute) === undefined ? refusal : undefined
    }
  }
}

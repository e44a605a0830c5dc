import { z } from 'zod'
import { envelope, ok } from '#backend/common/envelope'
import { definePlugin } from '#backend/core/plugin/definition'

export const plugin = definePlugin({
  async api(app) {
    app.get(
      '/answers/:question',
      {
        config: { access: 'public' },
        schema: {
          summary: 'Answer',
          tags: ['Addon'],
          params: z.object({ question: z.string().describe('What is asked') }),
          response: { 200: envelope(z.string()) },
        },
      },
      async ({ params }) => ok(params.question),
    )
  },
})

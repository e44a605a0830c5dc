import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'postgresql',
  schema: './backend/{app/*,core/plugin}/model/*.model.ts',
  out: './drizzle',
})

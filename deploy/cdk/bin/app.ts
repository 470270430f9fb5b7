/** Deploys the compute layer into an existing VPC; docs/deploy.md tells how. */
import { App } from 'aws-cdk-lib';
import { choicesOf } from '../lib/choices.ts';
import { LlmProxyFoundationStack } from '../lib/foundation.ts';
import { LlmProxyComputeStack, LlmProxyRepositoriesStack } from '../lib/stacks.ts';

const app = new App({ analyticsReporting: false });
new LlmProxyFoundationStack(app, 'LlmProxyFoundation');
new LlmProxyRepositoriesStack(app, 'LlmProxyRepositories');
new LlmProxyComputeStack(app, 'LlmProxyCompute', choicesOf(app.node));
app.synth();

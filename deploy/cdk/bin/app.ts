/** Deploys the compute layer into an existing VPC; docs/deploy.md tells how. */
import { App } from 'aws-cdk-lib';
import { choicesOf } from '../lib/choices.ts';
import { LlmProxyComputeStack, LlmProxyRepositoriesStack } from '../lib/stacks.ts';

const app = new App({ analyticsReporting: false });
new LlmProxyRepositoriesStack(app, 'LlmProxyRepositories');
new LlmProxyComputeStack(app, 'LlmProxyCompute', choicesOf(app.node));
app.synth();

/** The app: what the command line may choose, and the stacks that come of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { choicesOf } from '../lib/choices.ts';
import { LlmProxyFoundationStack } from '../lib/foundation.ts';
import { LlmProxyComputeStack } from '../lib/stacks.ts';

const choices = (context: Record<string, unknown>) => choicesOf(new App({ context }).node);

test('numbers and truth values are read from the command line', () => {
  const chosen = choices({ proxyCpu: '512', useArm64: 'false', enableEcsExec: true });
  assert.deepEqual(chosen, { certificateArn: undefined, proxyCpu: 512, useArm64: false, enableEcsExec: true });
});

test('other words are refused', () => {
  assert.throws(() => choices({ proxyMaxTasks: 'many' }), /proxyMaxTasks=many: give a whole number/);
  assert.throws(() => choices({ useArm64: 'no' }), /useArm64=no: give true or false/);
});

test('a public stack asks for public subnets, a private one does not', () => {
  const parameters = (publicLoadBalancer: boolean) => {
    const certificateArn = 'arn:aws:acm:eu-west-1:111122223333:certificate/1';
    const stack = new LlmProxyComputeStack(new App(), 'Test', { publicLoadBalancer, certificateArn });
    return Object.keys(Template.fromStack(stack).findParameters('*'));
  };
  assert.ok(parameters(true).includes('PublicSubnetA'));
  assert.ok(!parameters(false).some((name) => name.startsWith('Public')));
});

test('the foundation puts out what the compute layer asks for, and keeps secrets secret', () => {
  const foundation = Template.fromStack(new LlmProxyFoundationStack(new App(), 'Test'));
  const compute = Template.fromStack(new LlmProxyComputeStack(new App(), 'Test'));
  const asked = Object.keys(compute.findParameters('*')).filter((name) => !name.endsWith('Tag'));
  assert.deepEqual(Object.keys(foundation.findOutputs('*')).sort(), asked.sort());
  foundation.hasResourceProperties('AWS::SecretsManager::Secret', {
    SecretString: Match.objectLike({ 'Fn::Join': ['', Match.arrayWith(['postgres://proxy:{{resolve:secretsmanager:'])] }),
  });
  // The event bus speaks plain TCP, the cache TLS.
  foundation.hasResourceProperties('AWS::ElastiCache::ReplicationGroup', { TransitEncryptionMode: 'preferred' });
});

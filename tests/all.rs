mod replay_outputs;

"""What Flink will run: stream graph, chains, job vertices, subtasks, regions, slot sharing."""

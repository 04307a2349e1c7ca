"""What `sesha doctor` looks at: this Python, this machine, the environment's extensions."""

"""What people see: a Streamlit app over `core`."""
